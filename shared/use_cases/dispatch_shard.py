"""One shard of one tick: a task for every consent in it that time has come for."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

from shared.domain.clock import Clock
from shared.domain.consents import SHARDS
from shared.use_cases.ports import Consents, DueConsent, SyncTask, SyncTasks

PAGE_SIZE = 300
_BATCH_SIZE = 100

NAMED_FOR = timedelta(minutes=30)
"""How long a consent that stays due is asked for under one name, so that ticks do not pile tasks up behind a busy
queue. A name that was used is blocked for up to a day: after this time another one is."""

_STARTS_PER_SECOND = 50 / SHARDS
"""What a shard adds to the queue's work, which its manifest entry limits to 50 a second."""

_SPREAD_MAX = timedelta(minutes=4)
"""Within a tick."""


def dispatch_shard(shard: int, *, consents: Consents, tasks: SyncTasks, clock: Clock) -> int:
    """How many tasks were asked for. Holds one page at a time, however many consents are due.

    Repeatable: tasks are named by consent and window. Start times are jittered over as long as the queue needs to
    start that many, so that a handful starts at once and a hundred thousand do not meet at their banks.
    """
    now = clock.now()
    count = 0
    due = consents.due(shard=shard, at=now, page_size=PAGE_SIZE)
    while batch := list(islice(due, _BATCH_SIZE)):
        tasks.enqueue_many(list(_tasks(batch, after=count, now=now)))
        count += len(batch)
    return count


def _tasks(batch: Sequence[DueConsent], *, after: int, now: datetime) -> Iterator[SyncTask]:
    for number, due in enumerate(batch, start=after):
        spread = min(timedelta(seconds=number / _STARTS_PER_SECOND), _SPREAD_MAX)
        yield SyncTask(
            organisation_id=due.organisation_id,
            consent_id=due.consent_id,
            window=due_window(due.due_at, now=now),
            not_before=now + spread * random.random(),  # noqa: S311 - spreads load, guards nothing
        )


def due_window(due_at: datetime, *, now: datetime) -> str:
    """The same for every tick within half an hour of the moment that a consent became due."""
    return f"{due_at:%Y%m%dT%H%M%S}{due_at.microsecond // 1000:03d}Z-{(now - due_at) // NAMED_FOR}"
