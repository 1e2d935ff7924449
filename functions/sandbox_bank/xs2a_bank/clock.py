"""The bank's clock. A TPP may move it forward, for its own calls and for the consents that they touch."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Protocol, cast

from flask import Request, g, has_app_context

from xs2a_bank.refusals import Reason, Refusal

OFFSET_HEADER = "Sandbox-Clock-Offset-Seconds"
MAX_OFFSET_SECONDS = 3_660 * 86_400
"""Ten years: books are computed day by day, and dates must stay writable."""
_NUMBER = re.compile(r"[0-9]{1,9}")
_OFFSET = "clock_offset_seconds"


class Clock(Protocol):
    def now(self, client_id: str | None) -> datetime:
        """Aware, UTC. None where no TPP is known yet."""
        ...


class SystemClock:
    def now(self, client_id: str | None) -> datetime:  # noqa: ARG002 - the same for every TPP
        return datetime.now(UTC)


class MovedClock:
    """Another clock, ahead by the offset of the call that is being answered. Everything at the bank asks this one.

    A call begins with the offset in its header, or 0; the consent that it touches may be further ahead.
    """

    def __init__(self, behind: Clock) -> None:
        self._behind = behind

    def now(self, client_id: str | None) -> datetime:
        return self._behind.now(client_id) + timedelta(seconds=self.offset_seconds)

    @property
    def offset_seconds(self) -> int:
        return cast(int, g.get(_OFFSET, 0)) if has_app_context() else 0

    def move_to(self, offset_seconds: int) -> None:
        """For the rest of the call that is being answered."""
        setattr(g, _OFFSET, offset_seconds)


def asked_offset_seconds(request: Request) -> int:
    """What the call's header says. Refuses with FORMAT_ERROR."""
    value = request.headers.get(OFFSET_HEADER)
    if value is None:
        return 0
    if not _NUMBER.fullmatch(value) or int(value) > MAX_OFFSET_SECONDS:
        raise Refusal(
            Reason.FORMAT_ERROR,
            f"{OFFSET_HEADER} must be a whole number from 0 to {MAX_OFFSET_SECONDS}",
            path=OFFSET_HEADER,
        )
    return int(value)
