"""From the data database to the control plane: each entry arrives, and arrives once, wherever the relay dies."""

from __future__ import annotations

import contextlib
from datetime import date, timedelta
from typing import Any, get_args

import pytest
from google.cloud.firestore import Client
from google.cloud.firestore_v1.base_query import FieldFilter

from shared.domain.api_keys import ApiKey
from shared.domain.audit import Actor, Origin
from shared.domain.consents import Happened
from shared.gcp import paths
from shared.gcp.audit_store import AuditStore
from shared.gcp.key_store import KeyStore
from shared.gcp.key_use_outbox import KeyUseOutbox
from shared.gcp.organisation_store import OrganisationStore
from shared.gcp.raw_firestore import RawFirestore
from shared.gcp.relay_store import RelayStore
from shared.http.key_uses import DailyKeyUses
from shared.use_cases.create_organisation import create_organisation
from shared.use_cases.relay import KeyUse, relay, relay_audit_of
from shared.use_cases.revoke_consent import revoke_consent
from tests.fakes.clock import FakeClock
from tests.localcloud.firestore.conftest import connect
from tests.unit.use_cases.conftest import World
from tests.unit.use_cases.test_consents import complete, start
from tests.unit.use_cases.test_renew_consent import connected, events, renew

ORIGIN = Origin(actor=Actor(kind="key", id="key_1"), ip_address="192.0.2.1", request_id="req_1")


class Died(Exception):
    pass


class Dies:
    """Anything, which dies at the given call of all that are made to it."""

    def __init__(self, inner: Any, *, at: int, before: bool) -> None:
        self._inner, self._at, self._before = inner, at, before
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)

        def call(*arguments: Any, **options: Any) -> Any:
            self.calls += 1
            if self.calls == self._at and self._before:
                raise Died
            result = method(*arguments, **options)
            if self.calls == self._at:
                raise Died
            return result

        return call


@pytest.fixture
def control(firestore_address: str, project: str) -> Client:
    client: Client = connect(Client, firestore_address, project=project, database="(default)")
    return client


def revoke(world: World, consent_id: str, *, consents: Any = None) -> None:
    revoke_consent(
        world.organisation_id,
        consent_id,
        banks=world.bank,
        consents=consents or world.consents.on_behalf_of(ORIGIN),
        healths=world.healths,
        clock=world.clock,
    )


def test_a_consents_life_is_told_with_who_and_where_from(world: World, control: Client) -> None:
    consent = world.active_consent()
    world.clock.move(timedelta(minutes=1))
    revoke(world, consent.id)
    revoke(world, consent.id)
    log = AuditStore(control)
    relay(outbox=RelayStore(world.data), log=log, keys=KeyStore(control))
    revoked, activated, created = log.list(world.organisation_id, limit=9, before=None)
    assert {(each.action, each.target_id) for each in (created, activated, revoked)} == {
        ("consent.created", consent.id),
        ("consent.activated", consent.id),
        ("consent.revoked", consent.id),
    }
    assert revoked.action == "consent.revoked"
    assert (revoked.actor, revoked.ip_address, revoked.request_id) == (
        ORIGIN.actor,
        "192.0.2.1",
        "req_1",
    )
    assert created.actor.kind == "bank", "nobody was named, so it was found in the background"


def test_what_the_bank_and_time_do_is_told_too(world: World, control: Client) -> None:
    consent = world.active_consent()
    world.sync(consent)
    world.clock.move(timedelta(days=91))
    world.sync(consent)
    assert world.consent(consent).status == "expired"
    log = AuditStore(control)
    relay_audit_of(world.organisation_id, outbox=RelayStore(world.data), log=log)
    newest = log.list(world.organisation_id, limit=9, before=None)[0]
    assert (newest.action, newest.actor.kind, newest.ip_address) == ("consent.expired", "system", None)


def test_every_change_in_a_consents_history_is_told_once(world: World, control: Client) -> None:
    renewed = connected(world)
    complete(world, renew(world, renewed.id).state)
    complete(world, renew(world, renewed.id).state, code=None, error="access_denied")
    world.clock.move(timedelta(minutes=1))
    revoke(world, renewed.id)
    failed = complete(world, start(world).state, code=None, error="access_denied")
    expired = connected(world)
    world.clock.move(timedelta(days=91))
    world.sync(expired, task="task-2")
    log = AuditStore(control)
    relay_audit_of(world.organisation_id, outbox=RelayStore(world.data), log=log)
    entries = log.list(world.organisation_id, limit=100, before=None)
    for consent in (renewed, failed, expired):
        told = sorted(entry.action for entry in entries if entry.target_id == consent.id)
        assert told == sorted(f"consent.{happened}" for happened in events(world, consent))
    assert {entry.action.removeprefix("consent.") for entry in entries} == set(get_args(Happened))


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("part", ["outbox", "log"])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_relay_that_dies_anywhere_loses_and_doubles_nothing(
    world: World, control: Client, part: str, at: int, before: bool
) -> None:
    consent = world.active_consent()
    revoke(world, consent.id)
    parts: dict[str, Any] = {"outbox": RelayStore(world.data), "log": AuditStore(control)}
    dying = Dies(parts[part], at=at, before=before)
    with contextlib.suppress(Died):
        relay(**{**parts, part: dying, "keys": KeyStore(control)})
    assert dying.calls >= at
    relay(**parts, keys=KeyStore(control))
    entries = AuditStore(control).list(world.organisation_id, limit=50, before=None)
    assert sorted(entry.action for entry in entries) == [
        "consent.activated",
        "consent.created",
        "consent.revoked",
    ]
    assert parts["outbox"].audit_entries(limit=5) == []


def test_a_change_that_was_refused_is_not_told(world: World, control: Client) -> None:
    consent = world.active_consent()
    stale = world.consents.find(world.organisation_id, consent.id)
    revoke(world, consent.id)
    told = len(RelayStore(world.data).audit_entries(limit=50))

    class Stale:
        def find(self, *_: Any) -> Any:
            return stale

        def __getattr__(self, name: str) -> Any:
            return getattr(world.consents.on_behalf_of(ORIGIN), name)

    with pytest.raises(Exception, match="kept changing"):
        revoke(world, consent.id, consents=Stale())
    assert len(RelayStore(world.data).audit_entries(limit=50)) == told


def test_the_day_of_a_keys_last_use_arrives_in_both_places(
    data: Client, control: Client, raw: RawFirestore
) -> None:
    made = create_organisation("Demo", tier="free", organisations=OrganisationStore(control))
    keys, outbox, log = KeyStore(control), RelayStore(data), AuditStore(control)
    key = keys.list(made.organisation.id, limit=1, before=None)[0]
    use = KeyUse(organisation_id=made.organisation.id, key_id=key.id, on=date(2026, 11, 24))
    for _ in range(2):
        KeyUseOutbox(raw).note(use)
    assert relay(outbox=outbox, log=log, keys=keys).key_uses == 1
    assert relay(outbox=outbox, log=log, keys=keys).key_uses == 0
    assert keys.list(made.organisation.id, limit=1, before=None)[0].last_used_on == use.on
    looked_up = [
        snapshot.get("lastUsedOn")
        for snapshot in control.collection(paths.api_key_hashes())
        .where(filter=FieldFilter("key", "==", key.id))
        .stream()
    ]
    assert looked_up == ["2026-11-24"]
    keys.record_use(made.organisation.id, key.id, on=date(2026, 11, 23))
    assert keys.list(made.organisation.id, limit=1, before=None)[0].last_used_on == use.on

    gone = KeyUse(organisation_id=made.organisation.id, key_id="key_gone", on=use.on)
    KeyUseOutbox(raw).note(gone)
    assert relay(outbox=outbox, log=log, keys=keys).key_uses == 1, "a key that was erased meanwhile"


def test_a_key_is_noted_once_a_day_and_never_in_the_way() -> None:
    clock, written = FakeClock(), []
    uses = DailyKeyUses(written.append, clock=clock)
    key = ApiKey(id="key_1", organisation_id="org_1", environment="live")
    for _ in range(3):
        uses.note(key)
    assert [use.on for use in written] == [clock.now().date()]
    uses.note(
        ApiKey(id="key_2", organisation_id="org_1", environment="live", last_used_on=clock.now().date())
    )
    assert len(written) == 1, "known already, from the look-up"
    clock.move(timedelta(days=1))
    uses.note(key)
    assert len(written) == 2

    def fails(_use: KeyUse) -> None:
        raise ConnectionError

    DailyKeyUses(fails, clock=clock).note(key)
