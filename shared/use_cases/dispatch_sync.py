"""The tick: hand every shard of all consents to a task of its own, which looks for what is due in it."""

from __future__ import annotations

from datetime import datetime

from shared.domain.clock import Clock
from shared.domain.consents import SHARDS
from shared.use_cases.ports import ShardTasks


def dispatch_sync(scheduled_at: datetime, *, tasks: ShardTasks, clock: Clock) -> int:
    """How many shards were handed out. The same tick, delivered twice, hands each out once.

    A tick that dies half-way needs no repair: the next one finds what is still due.
    """
    now = clock.now()
    for shard in range(SHARDS):
        tasks.enqueue_shard(shard, scheduled_at=scheduled_at, not_before=now)
    return SHARDS
