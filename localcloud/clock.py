"""What time the local platform believes it is.

KMS, Tasks and Scheduler read a clock that a file may move: `{"offsetSeconds": 86400}` in `clock.json` makes it a day
later for every process that reads the file. It is meant to go forward: moved back, what is planned for a later time
stays planned for it. Deadlines of HTTP calls, rate limits and identity tokens keep to real time.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The current time, aware, in UTC."""

    def now_us(self) -> int:
        """The same, as microseconds since 1970."""


class SystemClock:
    def now(self) -> datetime:
        return from_us(self.now_us())

    def now_us(self) -> int:
        return time.time_ns() // 1_000


class FileClock:
    """The system's clock plus the offset that the file holds; a missing file is no offset."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._offset_us = 0

    def now(self) -> datetime:
        return from_us(self.now_us())

    def now_us(self) -> int:
        return time.time_ns() // 1_000 + self._read_offset_us()

    def _read_offset_us(self) -> int:
        try:
            status = os.stat(self._path)  # noqa: PTH116 - read many times a second
        except FileNotFoundError:
            self._seen, self._offset_us = None, 0
            return 0
        seen = (status.st_mtime_ns, status.st_ino, status.st_size)
        if seen != self._seen:
            try:
                self._offset_us = round(json.loads(self._path.read_text())["offsetSeconds"] * 1_000_000)
            except (ValueError, KeyError, TypeError, OSError):
                return self._offset_us  # somebody is writing it: what held so far holds until the next look
            self._seen = seen
        return self._offset_us


def set_clock_offset(path: Path, *, offset_seconds: float) -> None:
    """Move every FileClock on `path`. Replaced whole, so that no reader meets half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    draft.write_text(json.dumps({"offsetSeconds": offset_seconds}))
    draft.replace(path)


def from_us(microseconds: int) -> datetime:
    # Not fromtimestamp(us / 1e6): a float of that size is off by a microsecond now and then.
    seconds, rest = divmod(microseconds, 1_000_000)
    return datetime.fromtimestamp(seconds, tz=UTC).replace(microsecond=rest)


def to_us(moment: datetime) -> int:
    return int(moment.replace(microsecond=0).timestamp()) * 1_000_000 + moment.microsecond
