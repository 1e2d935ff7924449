from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from shared.domain.accounts import AccountRecord
from shared.domain.budgets import RefreshBudget
from shared.domain.consent_changes import ATTENDANCE
from shared.domain.consents import Consent, Lease
from shared.domain.errors import (
    BankUnavailable,
    ConsentExpired,
    ConsentRevoked,
    NotFound,
    RefreshLimitReached,
)
from shared.domain.ids import new_id
from shared.use_cases.refresh_account import RefreshAccount, refresh_account
from tests.fakes.bank import BANK_ID, bank_account, bank_transaction
from tests.fakes.dying import Died
from tests.unit.use_cases.conftest import World
from tests.unit.use_cases.test_consents import complete, start
from tests.unit.use_cases.test_renew_consent import connected, end

PSU = "192.0.2.7"


class HeldAccounts:
    """One account, with the reads that a test says have been made."""

    def __init__(self, world: World, **changes: Any) -> None:
        found = world.accounts.find(world.organisation_id, world.account_id())
        assert found is not None
        self.record = msgspec.structs.replace(found, **changes)

    def find(self, organisation_id: str, account_id: str) -> AccountRecord | None:
        return self.record if account_id == self.record.id else None


def refresh(
    world: World, *, psu: str | None = None, request_id: str = "req_1", **replaced: Any
) -> RefreshBudget:
    parts: dict[str, Any] = {
        "accounts": world.accounts,
        "consents": world.consents,
        "tasks": world.tasks,
        "clock": world.clock,
    }
    account_id = replaced.pop("account_id", None) or world.account_id()
    return refresh_account(
        RefreshAccount(
            organisation_id=world.organisation_id,
            account_id=account_id,
            request_id=request_id,
            psu_ip_address=psu,
        ),
        **(parts | replaced),
    )


def spent(world: World, count: int) -> HeldAccounts:
    reads = tuple(world.clock.now() - timedelta(hours=number) for number in range(count, 0, -1))
    return HeldAccounts(world, reads=reads, refresh=RefreshBudget(limit=4, remaining=0, next_refresh_at=None))


@pytest.mark.parametrize("psu", [None, PSU])
def test_the_account_is_asked_for_now_and_keeps_its_turn(world: World, psu: str | None) -> None:
    consent = connected(world)
    world.clock.move(timedelta(hours=1))
    refresh(world, psu=psu)
    after = world.consent(consent)
    assert after.wanted == (world.account_id(),)
    assert (after.next_sync_at, after.in_turn_at) == (world.clock.now(), consent.next_sync_at)
    assert after.attending_ip(at=world.clock.now()) == psu
    assert world.tasks.enqueued[(consent.id, "asked-req_1")] == world.clock.now()
    assert not any(PSU in window for _, window in world.tasks.enqueued), "an address is no part of a name"
    calls = len(world.bank.calls)
    assert world.sync(after, task="task-2") == "synced"
    assert len(world.bank.calls) > calls


def test_the_same_request_twice_is_one_task(world: World) -> None:
    connected(world)
    world.clock.move(timedelta(hours=1))
    world.tasks.enqueued.clear()
    for _ in range(2):
        refresh(world)
    assert len(world.tasks.enqueued) == 1


def test_with_the_psu_nothing_is_asked_of_the_budget_and_without_it_must_have_something(world: World) -> None:
    connected(world)
    assert refresh(world, accounts=spent(world, 3)).remaining == 1
    with pytest.raises(RefreshLimitReached) as refusal:
        refresh(world, accounts=spent(world, 4))
    assert timedelta(hours=20) <= timedelta(seconds=refusal.value.retry_after_seconds) <= timedelta(hours=21)
    assert refresh(world, accounts=spent(world, 4), psu=PSU).remaining == 0


def test_a_refusal_changes_nothing(world: World) -> None:
    consent = connected(world)
    world.tasks.enqueued.clear()
    with pytest.raises(RefreshLimitReached):
        refresh(world, accounts=spent(world, 4))
    assert world.consent(consent) == consent
    assert world.tasks.enqueued == {}


def test_a_read_that_is_under_way_is_not_stopped(world: World) -> None:
    consent = connected(world)
    stored = world.consents.find(world.organisation_id, consent.id)
    assert stored is not None
    lease = Lease(fence=7, holder="task-9", until=world.clock.now() + timedelta(minutes=11))
    held = world.consents.save(
        msgspec.structs.replace(stored.consent, lease=lease), replacing=stored, at=world.clock.now()
    )
    refresh(world)
    assert world.consents.find(world.organisation_id, consent.id) == held


def test_what_has_ended_is_not_read(world: World, new_world: Any) -> None:
    consent = connected(world)
    stranger: World = new_world()
    with pytest.raises(NotFound):
        refresh(stranger, account_id=world.account_id())
    with pytest.raises(NotFound):
        refresh(world, account_id=new_id("acc"))
    world.clock.move(timedelta(days=91))
    with pytest.raises(ConsentExpired):
        refresh(world, psu=PSU)
    end(world, consent, "revoked")
    with pytest.raises(ConsentRevoked):
        refresh(world, psu=PSU)
    assert isinstance(world.consent(consent), Consent)


def test_the_organisations_clock_counts(world: World) -> None:
    consent = connected(world)
    accounts = spent(world, 4)
    stored = world.consents.find(world.organisation_id, consent.id)
    assert stored is not None
    ahead = msgspec.structs.replace(stored.consent, clock_offset_seconds=2 * 86_400)
    world.consents.save(ahead, replacing=stored, at=world.clock.now())
    refresh(world, accounts=accounts)
    assert world.consent(consent).next_sync_at == consent.next_sync_at or world.tasks.enqueued
    assert world.tasks.enqueued[(consent.id, "asked-req_1")] == world.clock.now(), "by the wall clock"


class Interrupting:
    """A sync's store, whose `number`-th commit comes just after a client has asked."""

    def __init__(self, world: World, number: int, ask: Callable[[], object]) -> None:
        self._store = world.store
        self._left = number
        self._ask = ask
        self.has_asked = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit(self, consent: Consent, **named: Any) -> Any:
        if self._left == 0:
            self._ask()
            self.has_asked = True
        self._left -= 1
        return self._store.commit(consent, **named)


def unattended_sync(world: World, number: int, *, psu: str | None = PSU) -> Consent:
    """In turn, nobody there, and several pages; a client asks during the read, before its `number`-th write."""
    consent = connected(world)
    world.due_again(consent)
    today = world.clock.now().date()
    world.bank.booked["resource-1"] += [bank_transaction(number, today) for number in range(1_000, 1_130)]
    store = Interrupting(world, number, lambda: refresh(world, psu=psu))
    assert world.sync(consent, task="task-2", store=store) == "synced", "it is not stopped"
    assert store.has_asked
    assert len(world.rows(world.account_id())) == 160
    return world.consent(consent)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_client_whose_customer_comes_during_a_read_gets_another_that_spends_nothing(
    world: World, number: int
) -> None:
    """Before any write that follows the claim: of a checkpoint, or of the last, which ends the lease."""
    consent = unattended_sync(world, number)
    assert [asked.account_id for asked in consent.asked] == [world.account_id()]
    assert PSU not in repr(consent)
    assert consent.due_at == world.clock.now(), "should its task be lost, the dispatcher finds it"
    window = f"asked-{consent.lease.fence}"
    assert world.tasks.enqueued[(consent.id, window)] == world.clock.now()
    unattended, before = list(world.bank.unattended), account(world)
    world.clock.move(timedelta(seconds=5))
    assert world.sync(consent, task=window) == "synced"
    assert world.bank.unattended == unattended
    after = account(world)
    assert (after.reads, after.data_as_of) == (before.reads, world.clock.now())
    done = world.consent(consent)
    assert (done.asked, done.wanted, done.attendance) == ((), (), None)
    assert done.next_sync_at == consent.next_sync_at, "its turn is kept"


def account(world: World) -> AccountRecord:
    found = world.accounts.find(world.organisation_id, world.account_id())
    assert found is not None
    return found


def test_without_the_customer_the_read_under_way_is_the_one_that_is_wanted(world: World) -> None:
    consent = unattended_sync(world, 1, psu=None)
    assert consent.asked == ()
    assert (consent.id, f"asked-{consent.lease.fence}") not in world.tasks.enqueued


def test_a_customer_who_has_gone_before_it_could_be_done_costs_nothing(world: World) -> None:
    consent = unattended_sync(world, 1)
    world.clock.move(ATTENDANCE)
    calls, before = list(world.bank.calls), account(world)
    assert world.sync(consent, task="late") == "not_due"
    assert (world.bank.calls, account(world)) == (calls, before)
    after = world.consent(consent)
    assert (after.asked, after.wanted, after.next_sync_at) == ((), (), consent.next_sync_at)
    assert after.due_at == consent.next_sync_at


def test_an_attended_read_that_the_bank_failed_is_not_made_up_for_out_of_the_budget(world: World) -> None:
    consent = connected(world)
    world.clock.move(timedelta(hours=1))
    refresh(world, psu=PSU)
    down = BankUnavailable(BANK_ID, "down", retry_at=world.clock.now() + ATTENDANCE)
    world.bank.failures = [None, down]  # once the token is refreshed
    assert world.sync(consent, task="task-2") == "postponed"
    unattended = list(world.bank.unattended)
    world.clock.move(ATTENDANCE)
    assert world.sync(consent, task="retry") == "not_due"
    assert world.bank.unattended == unattended
    assert world.consent(consent).next_sync_at == consent.next_sync_at


def test_asked_for_without_the_customer_too_it_is_read_even_when_they_have_gone(world: World) -> None:
    consent = connected(world)
    world.clock.move(timedelta(hours=1))
    refresh(world, psu=PSU)
    refresh(world, psu=None, request_id="req_2")
    world.clock.move(ATTENDANCE)
    unattended = len(world.bank.unattended)
    assert world.sync(consent, task="task-2") == "synced"
    assert len(world.bank.unattended) > unattended


def test_another_account_than_the_one_that_is_being_read_comes_next(world: World) -> None:
    world.bank.accounts_held = [bank_account(1), bank_account(2)]
    consent = complete(world, start(world).state)
    assert world.sync(consent) == "synced"
    world.clock.move(timedelta(hours=1))
    first, second = (each.id for each in world.accounts.list(world.organisation_id, limit=10, after=None))
    refresh(world, account_id=first)
    store = Interrupting(world, 1, lambda: refresh(world, account_id=second, request_id="req_2"))
    assert world.sync(consent, task="task-2", store=store) == "synced"
    assert world.sync(consent, task="task-3") == "synced"
    read = {
        each.id: each.data_as_of for each in world.accounts.list(world.organisation_id, limit=10, after=None)
    }
    assert read == {first: world.clock.now(), second: world.clock.now()}


def test_a_worker_that_died_goes_on_with_what_was_asked_meanwhile(world: World) -> None:
    consent = connected(world)
    world.due_again(consent)

    def ask_and_die() -> None:
        refresh(world, psu=PSU)
        raise Died

    with pytest.raises(Died):
        world.sync(consent, task="task-2", store=Interrupting(world, 1, ask_and_die))
    assert world.consent(consent).asked
    unattended = list(world.bank.unattended)
    world.clock.move(timedelta(seconds=5))
    assert world.sync(consent, task="task-2") == "synced"
    assert world.bank.unattended == unattended, "the customer is there now"
    assert world.consent(consent).asked == ()


def test_one_that_lost_its_lease_is_still_stopped(world: World) -> None:
    """Only what clients ask for may change under a lease."""
    consent = connected(world)
    world.due_again(consent)

    def ask_and_revoke() -> None:
        refresh(world, psu=PSU)
        end(world, consent, "revoked")

    store = Interrupting(world, 1, ask_and_revoke)
    assert world.sync(consent, task="task-2", store=store) == "overtaken"
    after = world.consent(consent)
    assert (after.status, after.asked, after.due_at) == ("revoked", (), None)
