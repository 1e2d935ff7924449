"""An organisation's clock in the sandbox: the wall clock, and how far the organisation has moved its own ahead."""

from __future__ import annotations

from datetime import datetime

import msgspec

OFFSET_SECONDS_MAX = 3_660 * 86_400
"""Ten years: what the sandbox's bank can follow."""


class SandboxClock(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    offset_seconds: int = 0
    moved_by: str | None = None
    """The last move, so that it is made once however often it is asked for."""
    moved_at: datetime | None = None
    """By the wall clock."""
