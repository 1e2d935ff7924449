from __future__ import annotations

from datetime import UTC, datetime, timedelta

from shared.domain.consents import SHARDS
from shared.use_cases.dispatch_sync import dispatch_sync
from tests.fakes.clock import FakeClock
from tests.fakes.tasks import FakeTasks

TICK = datetime(2026, 11, 24, 9, 5, tzinfo=UTC)


def test_a_tick_hands_every_shard_out_once_however_often_it_comes() -> None:
    clock, tasks = FakeClock(TICK), FakeTasks()
    for tick in (TICK, TICK, TICK + timedelta(minutes=5)):
        dispatch_sync(tick, tasks=tasks, clock=clock)
    assert list(tasks.shards) == [
        (shard, tick) for tick in (TICK, TICK + timedelta(minutes=5)) for shard in range(SHARDS)
    ]


def test_a_tick_that_died_half_way_is_finished_by_its_next_delivery() -> None:
    class DyingTasks(FakeTasks):
        def enqueue_shard(self, shard: int, *, scheduled_at: datetime, not_before: datetime) -> None:
            if shard == 7 and len(self.shards) == 7:
                self.shards[(7, scheduled_at)] = not_before
                raise ConnectionError("the answer was lost")
            super().enqueue_shard(shard, scheduled_at=scheduled_at, not_before=not_before)

    tasks = DyingTasks()
    for _ in range(2):
        try:
            dispatch_sync(TICK, tasks=tasks, clock=FakeClock(TICK))
        except ConnectionError:
            assert len(tasks.shards) == 8
    assert sorted(tasks.shards) == [(shard, TICK) for shard in range(SHARDS)]
