"""Use cases on the real adapters and a local Firestore; the bank, the clock, the vault and the queue are fakes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest
from google.cloud.firestore import Client

from shared.domain.consent_changes import activated
from shared.domain.consents import Consent
from shared.domain.ids import new_id
from shared.gcp import paths
from shared.gcp.account_store import AccountStore
from shared.gcp.bank_health_store import BankHealthStore
from shared.gcp.consent_store import ConsentStore
from shared.gcp.page_documents import read_page
from shared.gcp.raw_firestore import RawFirestore
from shared.gcp.sync_store import FirestoreSyncStore
from shared.use_cases.sync_consent import Outcome, sync_consent
from tests.fakes.bank import BANK_ID, FakeBank
from tests.fakes.clock import FakeClock
from tests.fakes.tasks import FakeTasks
from tests.fakes.vault import FakeVault
from tests.localcloud.firestore.serving import connect
from tests.unit.firestore import firestore_address, project, raw_beside

__all__ = ["firestore_address", "project"]


@dataclass
class World:
    """One organisation with one active consent at one bank."""

    data: Client
    clock: FakeClock = field(default_factory=FakeClock)
    tasks: FakeTasks = field(default_factory=FakeTasks)
    vault: FakeVault = field(default_factory=FakeVault)
    organisation_id: str = field(default_factory=lambda: new_id("org"))

    def __post_init__(self) -> None:
        self.bank = FakeBank(self.clock)
        self.consents = ConsentStore(self.data)
        self.accounts = AccountStore(raw_beside(self.data))
        self.store = FirestoreSyncStore(self.data)
        self.healths = BankHealthStore(self.data, "sandbox")

    def pending_consent(self) -> Consent:
        consent = Consent(
            id=new_id("con"),
            organisation_id=self.organisation_id,
            bank_id=BANK_ID,
            bank_name="Fake banka",
            country="HR",
            status="pending",
            callback_url="https://client.example/cb",
            client_state=None,
            bank_consent_id="bank-consent-1",
            created_at=self.clock.now(),
            expires_at=self.clock.now() + timedelta(days=90),
        )
        self.consents.create(consent)
        return consent

    def active_consent(self, *, psu_ip_address: str | None = None) -> Consent:
        consent = self.pending_consent()
        stored = self.consents.find(self.organisation_id, consent.id)
        assert stored is not None
        sealed = self.vault.seal(
            self.bank.tokens(), organisation_id=self.organisation_id, consent_id=consent.id
        )
        active = activated(
            consent,
            at=self.clock.now(),
            expires_at=consent.expires_at,
            psu_ip_address=psu_ip_address,
        )
        return self.consents.save(active, replacing=stored, tokens=sealed, at=self.clock.now()).consent

    def sync(self, consent: Consent, *, task: str = "task-1", **replaced: Any) -> Outcome:
        parts: dict[str, Any] = {
            "banks": self.bank,
            "consents": self.consents,
            "store": self.store,
            "vault": self.vault,
            "tasks": self.tasks,
            "healths": self.healths,
            "clock": self.clock,
        }
        return sync_consent(self.organisation_id, consent.id, task=task, **(parts | replaced))

    def consent(self, consent: Consent) -> Consent:
        stored = self.consents.find(self.organisation_id, consent.id)
        assert stored is not None
        return stored.consent

    def due_again(self, consent: Consent) -> None:
        """Move the clock to the consent's next sync."""
        next_sync_at = self.consent(consent).next_sync_at
        assert next_sync_at is not None
        self.clock.move(next_sync_at - self.clock.now())

    def account_id(self) -> str:
        (account,) = self.accounts.list(self.organisation_id, limit=10, after=None)
        return account.id

    def rows(self, account_id: str) -> list[dict[str, Any]]:
        """Every booked transaction, newest first, as a client would page through them."""
        pages = self.store.books(self.organisation_id, account_id, since=date(1, 1, 1)).pages
        return [msgspec.json.decode(row.json) for page in reversed(pages) for row in page.rows]

    def pending_rows(self, account_id: str) -> list[dict[str, Any]]:
        snapshot = self.data.document(paths.pending(self.organisation_id, account_id)).get()
        page = read_page(snapshot.to_dict() or {}) if snapshot.exists else None
        return [msgspec.json.decode(row.json) for row in page.rows] if page else []


@pytest.fixture
def data(firestore_address: str, project: str) -> Client:
    client: Client = connect(Client, firestore_address, project=project, database="sandbox")
    return client


@pytest.fixture
def raw(data: Client) -> RawFirestore:
    return raw_beside(data)


@pytest.fixture
def world(data: Client) -> World:
    return World(data)


@pytest.fixture
def new_world(data: Client) -> Callable[[], World]:
    """Another organisation in the same database."""
    return lambda: World(data)
