"""The tick: hand every consent that is due to a task of its own."""

from __future__ import annotations

from datetime import datetime

from shared.domain.clock import Clock
from shared.use_cases.ports import Consents, SyncTasks
from shared.use_cases.sync_consent import due_window

_PAGE_SIZE = 300


def dispatch_sync(scheduled_at: datetime, *, consents: Consents, tasks: SyncTasks, clock: Clock) -> int:
    """How many were enqueued. The same tick, delivered twice, enqueues the same tasks once."""
    window = due_window(scheduled_at)
    now = clock.now()
    count = 0
    for due in consents.due(at=now, page_size=_PAGE_SIZE):
        tasks.enqueue(due.organisation_id, due.consent_id, window=window, not_before=now)
        count += 1
    return count
