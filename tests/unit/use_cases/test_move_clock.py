"""Moving an organisation's clock moves everything of its consents that hangs on time, and nobody else's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from shared.domain.accounts import AccountHead, public_account
from shared.domain.budgets import interval
from shared.domain.clock import OffsetClock
from shared.domain.consents import Lease
from shared.domain.errors import Conflict, ConsentExpired, Invalid
from shared.domain.ids import new_id
from shared.domain.sandbox_clock import OFFSET_SECONDS_MAX
from shared.gcp import paths
from shared.gcp.clock_offsets import ClockOffsets
from shared.gcp.clock_store import ClockStore
from shared.gcp.raw_firestore import RawFirestore
from shared.http.views import consent_view
from shared.use_cases.list_transactions import require_readable
from shared.use_cases.move_clock import move_clock
from tests.unit.use_cases.conftest import World
from tests.unit.use_cases.test_consents import complete, start
from tests.unit.use_cases.test_renew_consent import connected, events

DAY = 86_400


def move(world: World, seconds: int, **replaced: Any) -> int:
    parts: dict[str, Any] = {
        "move_id": new_id("req"),
        "clocks": ClockStore(world.data),
        "consents": world.consents,
        "tasks": world.tasks,
        "clock": world.clock,
    }
    moved = move_clock(world.organisation_id, advance_seconds=seconds, **(parts | replaced))
    return moved.offset_seconds


def run_tasks(world: World) -> list[str]:
    """Those whose time has come, by the wall clock."""
    due = [key for key, at in world.tasks.enqueued.items() if at <= world.clock.now()]
    for key in due:
        del world.tasks.enqueued[key]
    found = [(world.consents.find(world.organisation_id, consent_id), window) for consent_id, window in due]
    return [world.sync(stored.consent, task=window) for stored, window in found if stored is not None]


def head(world: World) -> dict[str, Any]:
    snapshot = world.data.document(paths.head(world.organisation_id, world.account_id())).get()
    return snapshot.to_dict() or {}


def test_91_days_expire_a_consent_of_90(world: World) -> None:
    consent = connected(world)
    world.tasks.enqueued.clear()
    assert move(world, 91 * DAY) == 91 * DAY
    with pytest.raises(ConsentExpired):
        require_readable(_read_head(world), clock=world.clock)
    assert run_tasks(world) == ["ended"]
    after = world.consent(consent)
    assert (after.status, after.due_at) == ("expired", None)
    account = world.accounts.find(world.organisation_id, world.account_id())
    assert account is not None
    assert account.status == "expired"
    [latest] = world.consents.history(world.organisation_id, consent.id, limit=1, before=None)
    assert latest.at == world.clock.now() + timedelta(days=91), "by the organisation's clock"


def _read_head(world: World) -> Any:
    fields = head(world)
    return AccountHead(status=fields["status"], expires_at=fields["expiresAt"])


def test_before_any_worker_has_run_every_answer_says_expired(world: World) -> None:
    """The clock decides, not what is stored."""
    consent = connected(world)
    moved = OffsetClock(world.clock, move(world, 91 * DAY))
    stored = world.consent(consent)
    assert stored.status == "active", "nobody has written it down yet"
    shown = consent_view(stored, at=moved.now())
    assert (shown.status, shown.next_sync_at) == ("expired", None)
    assert consent_view(stored, at=world.clock.now()).status == "active"
    record = world.accounts.find(world.organisation_id, world.account_id())
    assert record is not None
    account = public_account(record, at=moved.now(), wall_at=world.clock.now())
    assert (account.status, account.next_refresh_at, account.refresh.next_refresh_at) == (
        "expired",
        None,
        None,
    )
    with pytest.raises(ConsentExpired):
        require_readable(_read_head(world), clock=world.clock)


def test_a_day_makes_the_sync_due_at_the_new_time(world: World) -> None:
    consent = connected(world)
    world.tasks.enqueued.clear()
    move(world, DAY)
    assert run_tasks(world) == ["synced"]
    after = world.consent(consent)
    assert after.last_synced_at == world.clock.now() + timedelta(days=1)
    turn = interval(limit=4)
    assert after.next_sync_at == after.last_synced_at + turn
    assert after.due_at == world.clock.now() + turn, "for the dispatcher, by the wall clock"
    assert world.bank.clock_offset_seconds == DAY, "the bank is told"


def test_nothing_due_nothing_asked_and_strangers_stay_in_their_time(world: World, new_world: Any) -> None:
    mine, other = connected(world), new_world()
    theirs = connected(other)
    world.tasks.enqueued.clear()
    move(world, 60)
    assert world.tasks.enqueued == {}
    assert world.consent(mine).due_at == mine.next_sync_at - timedelta(seconds=60)  # type: ignore[operator]
    assert other.consent(theirs) == theirs


def test_a_psu_at_the_bank_loses_its_turn_when_time_jumps(world: World) -> None:
    started = start(world)
    move(world, DAY)
    with pytest.raises(Conflict):
        complete(world, started.state)
    run_tasks(world)
    assert world.consent(started.consent).fault.code == "ABANDONED"  # type: ignore[union-attr]


def test_a_consent_started_after_the_move_lives_in_the_new_time(world: World) -> None:
    offset = move(world, 91 * DAY)
    started = start(world, clock_offset_seconds=offset)
    assert started.consent.created_at == world.clock.now() + timedelta(days=91)
    consent = complete(world, started.state)
    assert consent.status == "active"
    assert world.bank.clock_offset_seconds == offset
    assert events(world, consent) == ["created", "activated"]


def test_the_same_move_is_made_once_and_finished_by_its_repetition(world: World) -> None:
    class DyingTasks:
        def enqueue(self, *arguments: Any, **named: Any) -> None:
            raise ConnectionError

    consent = connected(world)
    world.tasks.enqueued.clear()
    move_id = new_id("req")
    with pytest.raises(ConnectionError):
        move(world, DAY, move_id=move_id, tasks=DyingTasks())
    assert move(world, DAY, move_id=move_id) == DAY
    assert [consent_id for consent_id, _ in world.tasks.enqueued] == [consent.id]
    assert move(world, DAY) == 2 * DAY


def test_a_sync_under_way_is_overtaken_and_the_next_need_not_wait_for_its_lease(world: World) -> None:
    consent = connected(world)
    stored = world.consents.find(world.organisation_id, consent.id)
    assert stored is not None
    lease = Lease(fence=7, holder="task-9", until=world.clock.now() + timedelta(minutes=11))
    world.consents.save(
        msgspec.structs.replace(stored.consent, lease=lease), replacing=stored, at=world.clock.now()
    )
    world.tasks.enqueued.clear()
    move(world, DAY)
    assert world.consent(consent).lease == Lease(fence=8)
    assert run_tasks(world) == ["synced"]


def test_it_ends_ten_years_ahead(world: World) -> None:
    move(world, OFFSET_SECONDS_MAX - 1)
    with pytest.raises(Invalid) as refusal:
        move(world, 2)
    assert refusal.value.field == "advanceSeconds"
    assert move(world, 1) == OFFSET_SECONDS_MAX


def test_in_live_no_clock_moves(world: World, raw: RawFirestore) -> None:
    assert ClockOffsets(raw, "sandbox").offset_seconds(world.organisation_id) == 0
    move(world, DAY)
    assert ClockOffsets(raw, "sandbox").offset_seconds(world.organisation_id) == DAY
    assert ClockOffsets(raw, "live").offset_seconds(world.organisation_id) == 0


def test_clocks_of_the_same_offset_are_the_same(world: World) -> None:
    assert OffsetClock(world.clock, 5) == OffsetClock(world.clock, 5)
    assert hash(OffsetClock(world.clock, 5)) == hash(OffsetClock(world.clock, 5))
