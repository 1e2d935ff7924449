"""A consent is renewed under its own id; whatever happens on the way, the old access serves until the new is there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from shared.domain.bank_data import BankTokens
from shared.domain.consent_changes import ended
from shared.domain.consents import AUTHORISE_WITHIN, Consent
from shared.domain.errors import (
    BankUnavailable,
    Conflict,
    ConsentPending,
    NotFound,
    StaleWrite,
)
from shared.domain.ids import new_id
from shared.gcp.consent_store import ConsentStore
from shared.use_cases.renew_consent import RenewConsent, renew_consent
from tests.fakes.bank import BANK_ID
from tests.unit.use_cases.conftest import World
from tests.unit.use_cases.test_consents import authorisations, complete, revoke, start
from tests.unit.use_cases.test_sync_consent import history as ledger


@dataclass
class Renewing:
    consent: Consent
    state: str


def renew(world: World, consent_id: str, **changes: Any) -> Renewing:
    request: dict[str, Any] = {
        "organisation_id": world.organisation_id,
        "consent_id": consent_id,
        "callback_url": None,
        "client_state": "again",
        "psu_ip_address": "192.0.2.1",
    }
    started = renew_consent(
        RenewConsent(**(request | changes)),
        authorisations=authorisations(world),
        banks=world.bank,
        consents=world.consents,
        clock=world.clock,
    )
    return Renewing(started.consent, parse_qs(urlsplit(started.redirect_url).query)["state"][0])


def connected(world: World, *, rows: int = 30) -> Consent:
    """Active, and read to the end."""
    world.bank.booked["resource-1"] = ledger(rows)
    consent = complete(world, start(world).state)
    assert world.sync(consent) == "synced"
    return world.consent(consent)


def end(world: World, consent: Consent, status: Literal["expired", "revoked", "error"]) -> Consent:
    stored = world.consents.find(world.organisation_id, consent.id)
    assert stored is not None
    return world.consents.save(
        ended(stored.consent, status=status), replacing=stored, at=world.clock.now()
    ).consent


def events(world: World, consent: Consent) -> list[str]:
    entries = world.consents.history(world.organisation_id, consent.id, limit=50, before=None)
    assert [entry.revision for entry in entries] == list(range(len(entries), 0, -1))
    return [entry.happened for entry in reversed(entries)]


def tokens(world: World, consent: Consent) -> BankTokens:
    sealed = world.consents.sealed_tokens(world.organisation_id, consent.id)
    assert sealed is not None
    return world.vault.open(sealed, organisation_id=world.organisation_id, consent_id=consent.id)


def test_a_renewal_replaces_everything_at_the_bank_in_one_commit_and_nothing_at_ours(world: World) -> None:
    before = connected(world)
    rows = world.rows(world.account_id())
    world.clock.move(timedelta(days=80))
    renewing = renew(world, before.id)
    assert renewing.consent.status == "active"
    assert renewing.consent.bank_consent_id == before.bank_consent_id
    assert world.bank.revoked == []

    world.bank.access_token, world.bank.refresh_token = "access-7", "refresh-7"
    world.bank.token_expires_at = world.clock.now() + timedelta(minutes=10)
    after = complete(world, renewing.state)
    assert (after.id, after.status, after.renewal) == (before.id, "active", None)
    assert after.bank_consent_id not in (None, before.bank_consent_id)
    assert after.expires_at == world.clock.now() + timedelta(days=90)
    assert (after.client_state, after.sca_at) == ("again", world.clock.now())
    assert tokens(world, after).access_token == "access-7"
    assert after.unwanted == (before.bank_consent_id,), "to be ended at the bank, afterwards"
    assert world.tasks.enqueued[(after.id, f"renewed-{after.revision}")] == world.clock.now()
    assert events(world, after) == ["created", "activated", "renewal_started", "renewed"]

    assert world.sync(after, task="task-2") == "synced"
    assert world.bank.revoked == [before.bank_consent_id]
    assert world.rows(world.account_id()) == rows
    assert world.bank.asked_since[-1] == world.bank.asked_since[0] + timedelta(days=80), (
        "the whole history again"
    )


def test_the_old_access_serves_while_the_psu_is_at_the_bank(world: World) -> None:
    consent = connected(world)
    world.due_again(consent)
    renewing = renew(world, consent.id)
    assert world.sync(consent, task="task-2") == "synced"
    assert world.consent(consent).renewal == renewing.consent.renewal


@pytest.mark.parametrize(
    ("changes", "failure", "code"),
    [
        ({"code": None, "error": "access_denied"}, None, "PSU_DECLINED"),
        ({}, BankUnavailable(BANK_ID, "down"), "BANK_ERROR"),
    ],
)
def test_a_renewal_that_fails_leaves_the_consent_as_it_was(
    world: World, changes: dict[str, Any], failure: Exception | None, code: str
) -> None:
    before = connected(world)
    old_tokens = tokens(world, before)
    renewing = renew(world, before.id)
    world.bank.failures = [failure] if failure else []
    after = complete(world, renewing.state, **changes)
    assert after.renewal is not None
    assert after.renewal.fault is not None
    assert after.renewal.fault.code == code
    unchanged = msgspec.structs.replace(
        after, renewal=None, revision=before.revision, unwanted=(), tell_bank_at=None
    )
    assert unchanged == before
    assert tokens(world, after) == old_tokens
    assert events(world, after)[-2:] == ["renewal_started", "renewal_failed"]
    assert world.consents.history(world.organisation_id, after.id, limit=1, before=None)[0].fault is not None
    world.due_again(after)
    assert world.sync(after, task="task-2") == "synced"


def test_a_renewal_that_nobody_comes_back_from_is_given_up_by_the_clock(world: World) -> None:
    before = connected(world)
    renewing = renew(world, before.id)
    assert renewing.consent.due_at == world.clock.now() + AUTHORISE_WITHIN
    world.clock.move(AUTHORISE_WITHIN)
    assert world.sync(before, task="task-2") == "not_due"
    after = world.consent(before)
    assert after.renewal is not None
    assert after.renewal.fault is not None
    assert after.renewal.fault.code == "ABANDONED"
    assert (after.status, after.due_at) == ("active", before.next_sync_at)
    assert world.bank.revoked == [renewing.consent.renewal.bank_consent_id]  # type: ignore[union-attr]


@pytest.mark.parametrize("status", ["expired", "revoked", "error"])
def test_what_was_active_once_can_be_renewed_however_it_ended(world: World, status: Any) -> None:
    consent = connected(world)
    account_id = world.account_id()
    rows = world.rows(account_id)
    end(world, consent, status)
    renewing = renew(world, consent.id)
    assert renewing.consent.status == status, "until the PSU has consented"
    account = world.accounts.find(world.organisation_id, account_id)
    assert account is not None
    assert account.status == status

    after = complete(world, renewing.state)
    assert (after.status, after.fault) == ("active", None)
    account = world.accounts.find(world.organisation_id, account_id)
    assert account is not None
    assert account.status == "active"
    assert world.sync(after, task="task-2") == "synced"
    assert world.rows(world.account_id()) == rows


def test_an_ended_consent_with_a_renewal_is_due_until_it_is_settled(world: World) -> None:
    consent = end(world, connected(world), "expired")
    assert consent.due_at is None
    renew(world, consent.id)
    world.clock.move(AUTHORISE_WITHIN)
    assert world.sync(consent, task="task-2") == "ended"
    after = world.consent(consent)
    assert (after.status, after.due_at) == ("expired", None)
    assert after.renewal is not None
    assert after.renewal.fault is not None


def test_what_cannot_be_renewed(world: World, new_world: Any) -> None:
    pending = start(world).consent
    with pytest.raises(ConsentPending):
        renew(world, pending.id)
    declined = complete(world, start(world).state, code=None, error="access_denied")
    with pytest.raises(Conflict):
        renew(world, declined.id)
    with pytest.raises(NotFound):
        renew(new_world(), pending.id)
    with pytest.raises(NotFound):
        renew(world, new_id("con"))


def test_a_second_renewal_replaces_the_first(world: World) -> None:
    consent = connected(world)
    first, second = renew(world, consent.id), renew(world, consent.id)
    with pytest.raises(Conflict):
        complete(world, first.state)
    assert first.consent.renewal is not None
    assert world.bank.revoked == [first.consent.renewal.bank_consent_id]
    assert complete(world, second.state).status == "active"


def test_revoking_ends_the_renewal_too(world: World) -> None:
    for status in ("active", "expired"):
        consent = connected(world)
        if status == "expired":
            end(world, consent, "expired")
        renewing = renew(world, consent.id)
        revoked = revoke(world, consent)
        assert revoked is not None
        assert (revoked.status, revoked.renewal, revoked.due_at) == ("revoked", None, None)
        with pytest.raises(Conflict):
            complete(world, renewing.state)
        assert world.consent(consent).status == "revoked"


class Interfered:
    """Consents, where somebody else writes between the callback's read and its write."""

    def __init__(self, consents: ConsentStore, *, times: int, change: Any) -> None:
        self._consents = consents
        self._times = times
        self._change = change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consents, name)

    def save(self, consent: Consent, **named: Any) -> Any:
        if self._times:
            self._times -= 1
            stored = self._consents.find(consent.organisation_id, consent.id)
            assert stored is not None
            self._change(stored)
        return self._consents.save(consent, **named)


@pytest.mark.parametrize("times", [1, 5])
def test_the_banks_answer_is_written_over_what_others_write_meanwhile(world: World, times: int) -> None:
    consent = connected(world)
    renewing = renew(world, consent.id)
    synced, real = 0, world.consents

    def sync_goes_on(stored: Any) -> None:
        nonlocal synced
        synced += 1
        changed = msgspec.structs.replace(stored.consent, failed_syncs=synced)
        real.save(changed, replacing=stored, at=world.clock.now())

    after = complete_with(world, renewing.state, Interfered(real, times=times, change=sync_goes_on))
    assert (after.status, after.renewal) == ("active", None)
    assert synced == times
    assert world.bank.calls.count("exchange") == 2


def complete_with(world: World, state: str, consents: Interfered) -> Consent:
    real = world.consents
    world.consents = consents  # type: ignore[assignment]
    try:
        return complete(world, state)
    finally:
        world.consents = real


def test_a_consent_that_was_revoked_during_the_exchange_stays_revoked_and_the_bank_is_told(
    world: World,
) -> None:
    started = start(world)
    real = world.consents

    def revoke_it(stored: Any) -> None:
        real.save(ended(stored.consent, status="revoked"), replacing=stored, at=world.clock.now())

    with pytest.raises(Conflict):
        complete_with(world, started.state, Interfered(real, times=1, change=revoke_it))
    assert world.consent(started.consent).status == "revoked"
    assert world.consents.sealed_tokens(world.organisation_id, started.consent.id) is None
    assert world.bank.revoked == [started.consent.bank_consent_id]


def test_a_sync_that_was_running_stops_at_its_next_write(world: World) -> None:
    consent = connected(world)
    world.due_again(consent)
    renewing = renew(world, consent.id)
    stored = world.consents.find(world.organisation_id, consent.id)
    assert stored is not None
    complete(world, renewing.state)
    with pytest.raises(StaleWrite):
        world.store.commit(stored.consent, replacing=stored)
