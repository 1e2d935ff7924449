from __future__ import annotations

from datetime import datetime


class FakeTasks:
    """Remembers what was enqueued, once per name, as the queue does."""

    def __init__(self) -> None:
        self.enqueued: dict[tuple[str, str], datetime] = {}

    def enqueue(self, organisation_id: str, consent_id: str, *, window: str, not_before: datetime) -> None:
        self.enqueued.setdefault((consent_id, window), not_before)
