from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from shared.use_cases.ports import SyncTask


class FakeTasks:
    """Remembers what was enqueued, once per name, as the queue does."""

    def __init__(self) -> None:
        self.enqueued: dict[tuple[str, str], datetime] = {}
        self.shards: dict[tuple[int, datetime], datetime] = {}

    def enqueue(self, organisation_id: str, consent_id: str, *, window: str, not_before: datetime) -> None:
        self.enqueued.setdefault((consent_id, window), not_before)

    def enqueue_many(self, tasks: Sequence[SyncTask]) -> None:
        assert len(tasks) <= 100
        for task in tasks:
            self.enqueue(
                task.organisation_id, task.consent_id, window=task.window, not_before=task.not_before
            )

    def enqueue_shard(self, shard: int, *, scheduled_at: datetime, not_before: datetime) -> None:
        self.shards.setdefault((shard, scheduled_at), not_before)
