from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from shared.domain.consents import AUTHORISE_WITHIN, SHARDS, Consent, shard_of
from shared.domain.ids import new_id
from shared.use_cases.dispatch_shard import dispatch_shard, due_window
from shared.use_cases.ports import Consents, DueConsent, SyncTask
from tests.fakes.clock import FakeClock
from tests.fakes.tasks import FakeTasks
from tests.unit.use_cases.conftest import World


def dispatch_all(world: World, tasks: FakeTasks | None = None) -> int:
    return sum(
        dispatch_shard(shard, consents=world.consents, tasks=tasks or world.tasks, clock=world.clock)
        for shard in range(SHARDS)
    )


def test_the_shards_hand_out_what_is_due_of_every_organisation_and_nothing_else(
    new_world: Callable[[], World],
) -> None:
    first, second = new_world(), new_world()
    due = [first.active_consent(), second.active_consent()]
    first.sync(first.active_consent())
    first.pending_consent()

    assert dispatch_all(first) == 2
    assert {consent_id for consent_id, _ in first.tasks.enqueued} == {consent.id for consent in due}


def test_a_consent_that_stays_due_is_asked_for_under_one_name_for_half_an_hour(world: World) -> None:
    world.active_consent()
    for minutes, names in ((0, 1), (5, 1), (24, 1), (1, 2), (29, 2), (1, 3)):
        world.clock.move(timedelta(minutes=minutes))
        dispatch_all(world)
        assert len(world.tasks.enqueued) == names, (
            "the tombstone of a lost task must not block a consent for long"
        )


def test_due_again_is_another_name() -> None:
    now = FakeClock().now()
    assert due_window(now, now=now) == due_window(now, now=now + timedelta(minutes=29))
    assert due_window(now, now=now) != due_window(now + timedelta(milliseconds=1), now=now)


def test_expiry_and_psus_who_stay_away_are_due_too(world: World) -> None:
    pending = world.pending_consent()
    active = world.active_consent()
    world.sync(active)
    assert dispatch_all(world) == 0

    world.clock.move(AUTHORISE_WITHIN)
    assert dispatch_all(world) == 1
    assert [consent_id for consent_id, _ in world.tasks.enqueued] == [pending.id]

    stored = world.consents.find(world.organisation_id, active.id)
    assert stored is not None
    assert stored.consent.due_at == stored.consent.next_sync_at
    world.clock.move(timedelta(days=90))
    assert dispatch_all(world) == 2


@pytest.mark.parametrize("page_size", [1, 3, 7, 8])
def test_due_consents_are_paged_through_to_the_last(world: World, page_size: int) -> None:
    """All became due in the same millisecond, so that the order within it is by name."""
    due = [world.active_consent().id for _ in range(40)]
    for shard in range(SHARDS):
        found = [
            consent.consent_id
            for consent in world.consents.due(shard=shard, at=world.clock.now(), page_size=page_size)
        ]
        assert found == sorted(each for each in due if shard_of(each) == shard)


def test_a_shard_that_died_half_way_is_finished_by_the_next_tick(world: World) -> None:
    due = {world.active_consent().id for _ in range(30)}

    class DyingTasks(FakeTasks):
        def enqueue_many(self, tasks: Sequence[SyncTask]) -> None:
            super().enqueue_many(tasks[: len(tasks) // 2])
            raise ConnectionError

    dying = DyingTasks()
    for shard in range(SHARDS):
        try:
            dispatch_shard(shard, consents=world.consents, tasks=dying, clock=world.clock)
        except ConnectionError:
            continue
    assert len(dying.enqueued) < len(due)
    world.tasks.enqueued = dying.enqueued
    world.clock.move(timedelta(minutes=5))
    dispatch_all(world)
    assert sorted(consent_id for consent_id, _ in world.tasks.enqueued) == sorted(due)


class ManyDue:
    """A store of `count` due consents, made as they are asked for."""

    def __init__(self, count: int) -> None:
        self.count = count

    def due(self, *, shard: int, at: datetime, page_size: int) -> Iterator[DueConsent]:
        for number in range(self.count):
            yield DueConsent(
                organisation_id="org_1", consent_id=f"con_{number:026d}", due_at=at - timedelta(seconds=1)
            )


class CountedTasks(FakeTasks):
    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.batches = 0
        self.latest: datetime | None = None

    def enqueue_many(self, tasks: Sequence[SyncTask]) -> None:
        assert len(tasks) <= 100
        self.batches += 1
        self.count += len(tasks)
        self.latest = max([task.not_before for task in tasks] + ([self.latest] if self.latest else []))


def dispatch_many(count: int) -> CountedTasks:
    tasks = CountedTasks()
    store = cast(Consents, ManyDue(count))
    assert dispatch_shard(0, consents=store, tasks=tasks, clock=FakeClock()) == count
    return tasks


def dispatch_many_measured(count: int) -> tuple[CountedTasks, int]:
    """What was enqueued, and the peak of memory in bytes."""
    tracemalloc.start()
    try:
        return dispatch_many(count), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_hundred_thousand_take_no_more_memory_than_a_thousand() -> None:
    _, few = dispatch_many_measured(1_000)
    tasks, many = dispatch_many_measured(100_000)
    assert (tasks.count, tasks.batches) == (100_000, 1_000)
    assert many < 2 * few + 100_000


def test_start_times_spread_with_the_number_and_stay_within_a_tick() -> None:
    for count, at_most in ((1, 0), (10, 10), (100, 60), (100_000, 240)):
        tasks = dispatch_many(count)
        assert tasks.latest is not None
        assert (tasks.latest - FakeClock().now()).total_seconds() <= at_most
    assert tasks.latest > FakeClock().now() + timedelta(minutes=2)


def test_ids_spread_over_all_shards() -> None:
    counts = [0] * SHARDS
    for _ in range(3_200):
        counts[shard_of(new_id("con"))] += 1
    assert min(counts) > 100


def test_the_index_fields_are_what_is_stored(world: World) -> None:
    consent = world.active_consent()
    document: dict[str, Any] = (
        world.data.document(f"organisations/{world.organisation_id}/consents/{consent.id}").get().to_dict()
        or {}
    )
    assert document["shard"] == shard_of(consent.id)
    assert document["dueAt"] == consent.next_sync_at
    assert isinstance(consent, Consent)
