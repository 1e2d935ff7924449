"""What is not wanted any more is told to the bank, whoever dies on the way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from shared.domain.bank_health import BankHealth
from shared.domain.consent_changes import TELL_BANK_AGAIN
from shared.domain.consents import AUTHORISE_WITHIN, Consent, Lease
from shared.domain.errors import BankRefused, BankTimeout, BankUnavailable
from shared.gcp.oauth_state_store import OAuthStateStore
from shared.use_cases.complete_consent import Callback, complete_consent
from tests.fakes.bank import BANK_ID, ISSUER
from tests.fakes.dying import Countdown, Died, Mortal
from tests.unit.use_cases.conftest import World
from tests.unit.use_cases.test_consent_deadlines import run_due_tasks
from tests.unit.use_cases.test_consents import PKCE_KEY, REDIRECT_URI, complete, revoke, start
from tests.unit.use_cases.test_renew_consent import connected, renew


def renewed(world: World) -> tuple[Consent, str]:
    """And what it was called at the bank before."""
    before = connected(world)
    assert before.bank_consent_id is not None
    return complete(world, renew(world, before.id).state), before.bank_consent_id


@pytest.mark.parametrize("after", [False, True])
def test_a_renewal_that_dies_after_its_commit_leaves_nothing_alive_at_the_bank(
    world: World, after: bool
) -> None:
    before = connected(world)
    renewing = renew(world, before.id)
    parts: dict[str, Any] = {
        "banks": world.bank,
        "consents": world.consents,
        "states": OAuthStateStore(world.data),
        "vault": world.vault,
        "clock": world.clock,
    }
    with pytest.raises(Died):
        complete_consent(
            Callback(state=renewing.state, code="code-1", error=None, issuer=ISSUER),
            redirect_uri=REDIRECT_URI,
            pkce_key=PKCE_KEY,
            tasks=Mortal(world.tasks, Countdown(0), after=after),
            **parts,
        )
    assert world.consent(before).bank_consent_id != before.bank_consent_id, "the commit was made"
    assert run_due_tasks(world) == ["synced"]
    assert world.bank.revoked == [before.bank_consent_id]
    again = world.consent(before)
    assert (again.status, again.unwanted, again.tell_bank_at) == ("active", (), None)
    world.due_again(before)
    assert run_due_tasks(world) == ["synced"]
    assert world.bank.revoked == [before.bank_consent_id]


@pytest.mark.parametrize("after", [False, True])
def test_a_worker_that_dies_around_the_call_is_followed_by_one_that_tells(world: World, after: bool) -> None:
    consent, old = renewed(world)
    with pytest.raises(Died):
        world.sync(consent, banks=Telling(world, after=after))
    assert world.consent(consent).unwanted == (old,)
    assert world.sync(consent, task="task-2") == "synced"
    assert world.bank.revoked == [old, old] if after else [old]
    assert world.consent(consent).unwanted == ()


class Telling:
    """Banks, where the process dies as it tells."""

    def __init__(self, world: World, *, after: bool) -> None:
        self._world = world
        self._after = after

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.bank, name)

    def connector(self, bank_id: str, *, clock_offset_seconds: int = 0) -> Any:
        return Mortal(self._world.bank, Countdown(0), after=self._after)


@pytest.mark.parametrize("error", [BankUnavailable(BANK_ID, "down"), BankTimeout(BANK_ID, "slow")])
def test_a_bank_that_cannot_be_told_is_told_later_and_the_read_is_made(
    world: World, error: Exception
) -> None:
    consent, old = renewed(world)
    world.bank.failures = [error]
    assert world.sync(consent) == "synced"
    waiting = world.consent(consent)
    assert (waiting.unwanted, waiting.tell_bank_at) == ((old,), world.clock.now() + TELL_BANK_AGAIN)
    world.clock.move(TELL_BANK_AGAIN)
    assert run_due_tasks(world) == ["not_due"]
    assert world.bank.revoked == [old]
    assert world.consent(consent).unwanted == ()


def test_a_bank_that_is_left_alone_keeps_nobody_waiting_who_revokes(world: World) -> None:
    consent = connected(world)
    down = BankHealth(bank_id=BANK_ID, failures=5, open_until=world.clock.now() + TELL_BANK_AGAIN)
    _, version = world.healths.find(world.organisation_id, BANK_ID)
    world.healths.save(world.organisation_id, down, version=version)
    world.bank.calls.clear()
    revoked = revoke(world, consent)
    assert revoked is not None
    assert (revoked.status, revoked.unwanted) == ("revoked", (consent.bank_consent_id,))
    assert world.consents.sealed_tokens(world.organisation_id, consent.id) is None
    assert not world.bank.calls
    assert run_due_tasks(world) == ["ended"]
    assert world.bank.revoked == [consent.bank_consent_id]
    assert world.consent(consent).unwanted == ()


def test_a_bank_that_knows_nothing_of_it_has_been_told(world: World) -> None:
    consent, _ = renewed(world)
    world.bank.failures = [BankRefused(BANK_ID, "unknown")]
    assert world.sync(consent) == "synced"
    assert world.consent(consent).tell_bank_at is None


def test_it_ends_with_the_time_for_which_access_could_have_lasted(world: World) -> None:
    consent = connected(world)
    world.bank.failures = [BankUnavailable(BANK_ID, "down")]
    revoke(world, consent)
    world.clock.move(timedelta(days=90))
    world.bank.failures = [BankUnavailable(BANK_ID, "down")]
    assert run_due_tasks(world) == ["ended"]
    assert (world.consent(consent).unwanted, world.consent(consent).due_at) == ((), None)


@pytest.mark.parametrize("is_renewal", [False, True])
def test_what_was_approved_and_brought_no_tokens_is_given_back(world: World, is_renewal: bool) -> None:
    """The bank made the tokens, and its answer was lost."""
    state = renew(world, connected(world).id).state if is_renewal else start(world).state
    world.bank.failures = [BankTimeout(BANK_ID, "slow")]
    consent = complete(world, state)
    assert consent.status == ("active" if is_renewal else "error")
    run_due_tasks(world)
    assert world.bank.revoked == ["bank-consent-2" if is_renewal else "bank-consent-1"]
    assert world.consent(consent).unwanted == ()


def test_what_was_declined_is_not(world: World) -> None:
    consent = complete(world, start(world).state, code=None, error="access_denied")
    assert (consent.status, consent.unwanted) == ("error", ())


def test_a_renewal_of_what_has_expired_would_last_longer(world: World) -> None:
    """The bank may hold it for valid: its PSU approved it, and the callback died."""
    consent = connected(world)
    world.clock.move(timedelta(days=90))
    run_due_tasks(world)
    assert world.consent(consent).status == "expired"
    renewing = renew(world, consent.id).consent.renewal
    assert renewing is not None
    world.clock.move(AUTHORISE_WITHIN)
    world.bank.failures = [BankUnavailable(BANK_ID, "down")]
    run_due_tasks(world)
    assert world.consent(consent).unwanted == (renewing.bank_consent_id,)
    world.clock.move(TELL_BANK_AGAIN)
    run_due_tasks(world)
    assert world.bank.revoked == [renewing.bank_consent_id]


def test_a_revocation_that_dies_before_the_bank_has_heard_is_finished_by_the_worker(world: World) -> None:
    consent = connected(world)
    renewing = renew(world, consent.id).consent.renewal
    assert renewing is not None
    world.bank.failures = [Died()]  # type: ignore[list-item]
    with pytest.raises(Died):
        revoke(world, consent)
    assert world.consent(consent).status == "revoked"
    assert world.bank.revoked == []
    assert run_due_tasks(world) == ["ended"]
    assert sorted(world.bank.revoked) == sorted([consent.bank_consent_id or "", renewing.bank_consent_id])
    assert world.consent(consent).due_at is None


def test_so_is_a_renewal_that_another_replaced_and_one_that_nobody_came_back_from(world: World) -> None:
    consent = connected(world)
    first = renew(world, consent.id).consent.renewal
    world.bank.failures = [None, Died()]  # type: ignore[list-item]
    with pytest.raises(Died):
        renew(world, consent.id)
    second = world.consent(consent).renewal
    assert first is not None
    assert second is not None
    assert run_due_tasks(world) == ["not_due"]
    assert world.bank.revoked == [first.bank_consent_id]
    world.clock.move(AUTHORISE_WITHIN)
    world.bank.failures = [Died()]  # type: ignore[list-item]
    with pytest.raises(Died):
        run_due_tasks(world)
    assert run_due_tasks(world) == ["not_due"]
    assert world.bank.revoked == [first.bank_consent_id, second.bank_consent_id]


def test_a_read_under_way_is_not_stopped_for_it(world: World) -> None:
    consent, _ = renewed(world)
    stored = world.consents.find(world.organisation_id, consent.id)
    assert stored is not None
    lease = Lease(fence=9, holder="another", until=world.clock.now() + timedelta(minutes=11))
    held = world.consents.save(
        msgspec.structs.replace(stored.consent, lease=lease), replacing=stored, at=world.clock.now()
    )
    assert world.sync(consent) == "busy"
    assert world.consents.find(world.organisation_id, consent.id) == held
    assert world.bank.revoked == []


def test_access_that_had_ended_by_itself_is_not_ended_again(world: World) -> None:
    before = connected(world)
    world.clock.move(timedelta(days=91))
    run_due_tasks(world)
    assert world.consent(before).status == "expired"
    assert complete(world, renew(world, before.id).state).unwanted == ()
    assert start(world).consent.unwanted == ()
