"""The product as the simulation drives it: its real use cases on its real adapters, in this process.

Everything here that talks to the outside goes through the simulation's gate: Firestore by the channel, KMS and Cloud
Tasks by the clients, the bank by its connector.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from typing import Any
from unittest import mock

import msgspec
from google.cloud.firestore import Client

import shared.domain.consents
import shared.use_cases.dispatch_sync
from shared.domain.clock import Clock
from shared.domain.consents import Consent
from shared.gcp.account_store import AccountStore
from shared.gcp.bank_health_store import BankHealthStore
from shared.gcp.change_feed import FirestoreChangeFeed
from shared.gcp.consent_store import ConsentStore
from shared.gcp.envelope import KmsTokenVault
from shared.gcp.oauth_state_store import OAuthStateStore
from shared.gcp.raw_firestore import RawFirestore
from shared.gcp.sync_store import FirestoreSyncStore
from shared.gcp.sync_tasks import CloudShardTasks, CloudSyncTasks
from shared.gcp.transaction_pages import FirestoreTransactionPages
from shared.settings import DispatchSettings, TaskSettings
from shared.use_cases.authorisation import Authorisations
from shared.use_cases.complete_consent import Callback, complete_consent
from shared.use_cases.dispatch_shard import dispatch_shard
from shared.use_cases.dispatch_sync import dispatch_sync
from shared.use_cases.ports import Banks
from shared.use_cases.refresh_account import RefreshAccount, refresh_account
from shared.use_cases.renew_consent import RenewConsent, renew_consent
from shared.use_cases.revoke_consent import revoke_consent
from shared.use_cases.start_consent import StartConsent, start_consent
from shared.use_cases.sync_consent import sync_consent
from tests.simulation.keys import KEY_NAME
from tests.simulation.model_bank import BANK_ID, ISSUER

_SHARDS = 2
"""Fewer than in production, for a handful of consents: empty shards cost time and show nothing."""


_QUEUES = "projects/sim/locations/europe-west3/queues"
_REDIRECT_URI = "https://api.example/v1/callback"
_PKCE_KEY = b"k" * 32
_PSU_IP_ADDRESS = "192.0.2.7"


def patch(stack: ExitStack) -> None:
    """What of the product itself is another here, while the stack is open."""
    for module in (shared.domain.consents, shared.use_cases.dispatch_sync):
        stack.enter_context(mock.patch.object(module, "SHARDS", _SHARDS))


class Product:
    """One organisation's."""

    def __init__(
        self,
        organisation_id: str,
        *,
        data: Client,
        raw: RawFirestore,
        banks: Banks,
        kms: Callable[[], Any],
        clock: Clock,
    ) -> None:
        self.organisation_id = organisation_id
        self._banks = banks
        self.clock = clock
        self.consents = ConsentStore(data)
        self.accounts = AccountStore(raw)
        self.pages = FirestoreTransactionPages(raw)
        self.feed = FirestoreChangeFeed(raw)
        self._states = OAuthStateStore(data)
        self._store = FirestoreSyncStore(data)
        self._healths = BankHealthStore(data, "sandbox")
        self._authorisations = Authorisations(
            redirect_uri=_REDIRECT_URI,
            pkce_key=_PKCE_KEY,
            banks=banks,
            states=self._states,
            healths=self._healths,
            clock=clock,
        )
        self._vault = KmsTokenVault(key_name=KEY_NAME, environment="sandbox", client=kms)
        self._tasks = CloudSyncTasks(
            TaskSettings(
                sync_queue=f"{_QUEUES}/sync",
                sync_consent_url="https://sync.example",
                service_account="tasks@sim.example",
            )
        )
        self._shard_tasks = CloudShardTasks(
            DispatchSettings(
                dispatch_queue=f"{_QUEUES}/dispatch",
                sync_shard_url="https://shard.example",
                service_account="tasks@sim.example",
            )
        )

    def consent(self, consent_id: str) -> Consent | None:
        stored = self.consents.find(self.organisation_id, consent_id)
        return stored.consent if stored else None

    def start(self, consent_id: str) -> str:
        """Where the PSU must go."""
        request = StartConsent(
            organisation_id=self.organisation_id,
            consent_id=consent_id,
            bank_id=BANK_ID,
            callback_url="https://client.example/cb",
            client_state=None,
            psu_ip_address=_PSU_IP_ADDRESS,
        )
        return start_consent(
            request,
            authorisations=self._authorisations,
            banks=self._banks,
            consents=self.consents,
            clock=self.clock,
        ).redirect_url

    def complete(self, *, state: str, code: str) -> None:
        complete_consent(
            Callback(state=state, code=code, error=None, issuer=ISSUER, psu_ip_address=_PSU_IP_ADDRESS),
            redirect_uri=_REDIRECT_URI,
            pkce_key=_PKCE_KEY,
            banks=self._banks,
            consents=self.consents,
            states=self._states,
            vault=self._vault,
            tasks=self._tasks,
            clock=self.clock,
        )

    def renew(self, consent_id: str) -> str:
        """Where the PSU must go."""
        request = RenewConsent(
            organisation_id=self.organisation_id,
            consent_id=consent_id,
            callback_url=None,
            client_state=None,
            psu_ip_address=_PSU_IP_ADDRESS,
        )
        return renew_consent(
            request,
            authorisations=self._authorisations,
            banks=self._banks,
            consents=self.consents,
            clock=self.clock,
        ).redirect_url

    def refresh(self, account_id: str, *, request_id: str, is_attended: bool) -> None:
        """A client asks for a read out of turn."""
        refresh_account(
            RefreshAccount(
                organisation_id=self.organisation_id,
                account_id=account_id,
                request_id=request_id,
                psu_ip_address=_PSU_IP_ADDRESS if is_attended else None,
            ),
            accounts=self.accounts,
            consents=self.consents,
            tasks=self._tasks,
            clock=self.clock,
        )

    def revoke(self, consent_id: str) -> None:
        revoke_consent(
            self.organisation_id,
            consent_id,
            banks=self._banks,
            consents=self.consents,
            healths=self._healths,
            clock=self.clock,
        )

    def tick(self, scheduled_at: datetime) -> None:
        dispatch_sync(scheduled_at, tasks=self._shard_tasks, clock=self.clock)

    def deliver(self, queue: str, name: str, body: bytes, *, should_stop: Callable[[], bool]) -> str:
        """One task; its outcome."""
        told = msgspec.json.decode(body)
        if queue == "dispatch":
            dispatch_shard(told["shard"], consents=self.consents, tasks=self._tasks, clock=self.clock)
            return "dispatched"
        return sync_consent(
            told["organisationId"],
            told["consentId"],
            task=name,
            banks=self._banks,
            consents=self.consents,
            store=self._store,
            vault=self._vault,
            tasks=self._tasks,
            healths=self._healths,
            clock=self.clock,
            should_stop=should_stop,
        )
