"""An erased organisation is gone from every document of every database but for the audit's facts, whoever dies when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from google.cloud.firestore import Client

from shared.domain.consent_changes import given_up
from shared.domain.erasures import SETTLE, OrganisationErasure
from shared.domain.errors import BankUnavailable, NotFound
from shared.domain.oauth_states import OAuthState
from shared.gcp import paths
from shared.gcp.audit_store import AuditStore
from shared.gcp.consent_store import ConsentStore
from shared.gcp.oauth_state_store import OAuthStateStore
from shared.gcp.organisation_data_store import OrganisationDataStore
from shared.gcp.organisation_erasure_store import OrganisationErasureStore
from shared.gcp.relay_store import RelayStore
from shared.use_cases.erase_organisation import erase_organisation, request_organisation_erasure
from tests.everything import everything, mentions
from tests.fakes.bank import bank_account, bank_transaction
from tests.fakes.dying import Countdown, Died, Mortal
from tests.localcloud.firestore.serving import connect
from tests.unit.control_plane import ControlPlane, origin_of, person
from tests.unit.firestore import raw_beside
from tests.unit.use_cases.conftest import World

OWNER = person("vlasnik")
GUEST = person("gost")
NAME = "Tajno ime d.o.o."
LONG = timedelta(hours=1)


class Erasing:
    """An organisation with people, keys, an open invitation, a synced account and a pending consent; a second one
    with the same people."""

    def __init__(self, control: Client, data: Client) -> None:
        self.control, self.data = control, data
        world = self.world = World(data)
        self.clock = world.clock
        self.plane = ControlPlane(control, self.clock)
        self.organisation_id = self._sign_up(name=NAME)
        world.organisation_id = self.organisation_id
        world.bank.booked["resource-1"] = [
            bank_transaction(number, world.clock.now().date() - timedelta(days=number))
            for number in range(300)
        ]
        self.consent = world.active_consent()
        assert world.sync(self.consent) == "synced"
        pending = world.pending_consent()
        OAuthStateStore(data).create(
            f"{self.organisation_id}-state",
            OAuthState(
                organisation_id=self.organisation_id,
                consent_id=pending.id,
                bank_consent_id="bank-consent-1",
                issuer="https://bank.example",
                issuer_in_response=True,
                expires_at=self.clock.now(),
            ),
        )
        data.document(paths.rate_limit(self.organisation_id)).set({"tat": 1})
        self.parts: dict[str, Any] = {
            "erasures": OrganisationErasureStore(control, raw_beside(control)),
            "data": OrganisationDataStore(data, raw_beside(data)),
            "outbox": RelayStore(data),
            "log": AuditStore(control),
            "consents": ConsentStore(data),
            "banks": world.bank,
        }
        self.neighbour_id = self._sign_up(name="Susjed d.o.o.")

    def _sign_up(self, *, name: str) -> str:
        organisation_id = self.plane.sign_up(OWNER, name=name).organisation.id
        self.plane.join(organisation_id, GUEST, invited_by=OWNER)
        self.plane.invite(organisation_id, by=OWNER, email="pozvana@client.example")
        return organisation_id

    def request(self, organisation_id: str | None = None) -> OrganisationErasure:
        return request_organisation_erasure(
            organisation_id or self.organisation_id,
            origin=origin_of(OWNER),
            environments=("live", "sandbox"),
            erasures=self.parts["erasures"],
            clock=self.clock,
        )

    def tick(self, *, time: timedelta = LONG, **mortal: Any) -> None:
        """What each environment's function does; the live one has no data."""
        parts = self.parts | mortal
        for environment in ("sandbox", "live"):
            for erasure in list(parts["erasures"].open()):
                if erasure.organisation_id != self.organisation_id:
                    continue
                erase_organisation(
                    erasure,
                    environment=environment,
                    until=self.clock.now() + time,
                    clock=self.clock,
                    **parts,
                )

    def documents(self) -> dict[str, dict[str, Any]]:
        return everything(self.data) | everything(self.control)

    def require_gone(self) -> None:
        documents = self.documents()
        found = mentions(
            documents, NAME, bank_account(1).iban or "?", "Račun 17", "Ana Anić", self.consent.id
        )
        kept = set(found.pop(self.consent.id, []))
        assert found == {}
        audit = f"organisations/{self.organisation_id}/audit/"
        kept |= set(mentions(documents, self.organisation_id)[self.organisation_id])
        assert {path for path in kept if not path.startswith(audit)} == {f"erasures/{self.organisation_id}"}
        told = [fields for path, fields in documents.items() if path.startswith(audit)]
        assert {entry["ipAddress"] for entry in told} == {None}
        assert {entry["action"] for entry in told} >= {
            "organisation.created",
            "consent.revoked",
            "organisation.erasure_requested",
            "organisation.erased",
        }
        assert "@client.example" not in str(told)

    def require_neighbour_whole(self) -> None:
        stored = self.plane.organisations.roster(self.neighbour_id)
        assert stored is not None
        assert set(stored.roster.users) == {OWNER.user_id, GUEST.user_id}
        assert self.plane.organisations.organisations_of(OWNER.user_id) == [self.neighbour_id]
        assert mentions(self.documents(), "pozvana@client.example")


@pytest.fixture
def erasing(firestore_address: str, project: str, data: Client) -> Erasing:
    control: Client = connect(Client, firestore_address, project=project, database="(default)")
    return Erasing(control, data)


def usable_keys(erasing: Erasing) -> set[str]:
    return {
        fields["organisation"]
        for path, fields in everything(erasing.control).items()
        if path.startswith("apiKeyHashes/") and not fields["revoked"]
    }


def test_it_is_gone_and_the_neighbour_is_whole(erasing: Erasing) -> None:
    erasing.request()
    erasing.clock.move(SETTLE)
    erasing.tick()
    erasing.require_gone()
    erasing.require_neighbour_whole()


def test_access_ends_with_the_request_and_data_when_no_request_runs_any_more(erasing: Erasing) -> None:
    assert usable_keys(erasing) == {erasing.organisation_id, erasing.neighbour_id}
    erasing.request()
    assert usable_keys(erasing) == {erasing.neighbour_id}
    organisation = erasing.plane.organisations.find(erasing.organisation_id)
    assert organisation is not None
    assert organisation.status == "erasing"
    erasing.clock.move(SETTLE - timedelta(seconds=1))
    erasing.tick()
    assert len(erasing.world.rows(erasing.world.account_id())) == 300


def test_every_bank_is_told_before_its_consent_is_forgotten(erasing: Erasing) -> None:
    erasing.request()
    erasing.clock.move(SETTLE)
    erasing.tick()
    assert erasing.world.bank.revoked == ["bank-consent-1", "bank-consent-1"]
    assert erasing.world.sync(erasing.consent, task="late") == "gone"


def test_it_is_told_too_of_what_it_had_still_to_be_told(erasing: Erasing) -> None:
    consents, now = erasing.world.consents, erasing.clock.now()
    stored = consents.find(erasing.organisation_id, erasing.consent.id)
    assert stored is not None
    consents.save(given_up(stored.consent, "the-one-before", at=now), replacing=stored, at=now)
    erasing.request()
    erasing.clock.move(SETTLE)
    erasing.tick()
    assert "the-one-before" in erasing.world.bank.revoked


def test_a_bank_that_is_down_keeps_nothing_here(erasing: Erasing) -> None:
    erasing.request()
    erasing.clock.move(SETTLE)
    erasing.world.bank.failures = [BankUnavailable("fake-hr", "down"), BankUnavailable("fake-hr", "down")]
    erasing.tick()
    erasing.require_gone()


def test_asking_again_changes_nothing(erasing: Erasing) -> None:
    first = erasing.request()
    erasing.clock.move(timedelta(minutes=1))
    assert erasing.request() == first
    with pytest.raises(NotFound):
        erasing.request("org_01HXYZ8V0A1B2C3D4E5F6G7H8J")


def test_people_without_another_organisation_are_forgotten(erasing: Erasing) -> None:
    alone = person("samo-ovdje")
    erasing.plane.join(erasing.organisation_id, alone, invited_by=OWNER)
    erasing.request()
    erasing.clock.move(SETTLE)
    erasing.tick()
    erasing.require_gone()
    about = mentions(erasing.documents(), alone.user_id, alone.email, alone.subject)
    assert set(about) == {alone.user_id}
    assert all(f"{erasing.organisation_id}/audit/" in path for path in about[alone.user_id])
    assert mentions(everything(erasing.control), f"signIns/{OWNER.subject}")


@pytest.mark.parametrize("part", ["erasures", "data", "outbox", "log", "consents", "banks"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_whoever_dies_anywhere_the_next_tick_finishes(erasing: Erasing, part: str, after: bool) -> None:
    erasing.request()
    erasing.clock.move(SETTLE)
    died = 0
    for calls in range(60):
        mortal = Mortal(erasing.parts[part], Countdown(calls), after=after)
        try:
            erasing.tick(**{part: mortal})
        except Died:
            died += 1
        else:
            break
    assert died
    erasing.require_gone()
    erasing.require_neighbour_whole()
    assert set(erasing.world.bank.revoked) == {"bank-consent-1"}


def test_out_of_time_it_goes_on_with_the_next_tick(erasing: Erasing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.gcp.purge.BATCH_SIZE", 1)
    monkeypatch.setattr("shared.gcp.organisation_erasure_store.BATCH_SIZE", 1)
    erasing.request()
    erasing.clock.move(SETTLE)
    stands = erasing.clock.now

    def now() -> datetime:
        """Every look at the clock takes a second."""
        erasing.clock.move(timedelta(seconds=1))
        return stands()

    monkeypatch.setattr(erasing.clock, "now", now)
    ticks = 0
    while list(erasing.parts["erasures"].open()):
        erasing.tick(time=timedelta(seconds=5))
        ticks += 1
        assert ticks < 100
    assert ticks > 5
    erasing.require_gone()
