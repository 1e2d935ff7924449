from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from shared.domain.accounts import AccountRecord
from shared.domain.budgets import RefreshBudget
from shared.domain.consents import Consent, Lease
from shared.domain.errors import ConsentExpired, ConsentRevoked, NotFound, RefreshLimitReached
from shared.domain.ids import new_id
from shared.use_cases.refresh_account import RefreshAccount, refresh_account
from tests.unit.use_cases.conftest import World
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
