"""The one way to ask what time it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware, UTC, whole milliseconds."""
        ...


class SystemClock:
    def now(self) -> datetime:
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


@dataclass(frozen=True)
class OffsetClock:
    """A sandbox organisation's clock, which it has moved forward. The same wherever the same offset is known."""

    wall: Clock
    offset_seconds: int

    def now(self) -> datetime:
        return self.wall.now() + timedelta(seconds=self.offset_seconds)
