"""Time as an organisation sees it: its sandbox may be ahead. Cloud Tasks, which knows only the wall clock, is asked
through `OffsetTasks`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from shared.domain.clock import Clock, OffsetClock
from shared.domain.consents import Consent
from shared.use_cases.ports import SyncTask, SyncTasks


class OffsetTasks:
    """Takes an organisation's times."""

    def __init__(self, tasks: SyncTasks, offset_seconds: int) -> None:
        self._tasks = tasks
        self._ahead = timedelta(seconds=offset_seconds)

    def enqueue(self, organisation_id: str, consent_id: str, *, window: str, not_before: datetime) -> None:
        self._tasks.enqueue(organisation_id, consent_id, window=window, not_before=not_before - self._ahead)

    def enqueue_many(self, tasks: Sequence[SyncTask]) -> None:
        self._tasks.enqueue_many(
            [msgspec.structs.replace(task, not_before=task.not_before - self._ahead) for task in tasks]
        )


def organisation_time(consent: Consent, *, clock: Clock, tasks: SyncTasks) -> tuple[Clock, SyncTasks]:
    """Both as the consent's organisation sees time; the very same ones where it has not moved its clock."""
    offset_seconds = consent.clock_offset_seconds
    if not offset_seconds:
        return clock, tasks
    return OffsetClock(clock, offset_seconds), OffsetTasks(tasks, offset_seconds)
