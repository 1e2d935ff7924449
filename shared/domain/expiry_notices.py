"""When people are told that a consent comes to its end."""

from __future__ import annotations

from datetime import datetime, timedelta

EXPIRY_NOTICES = (30, 14, 7, 1)
"""Days before access ends at which people are told."""


def days_left(expires_at: datetime, *, since: datetime, until: datetime) -> int | None:
    """The latest notice that came due after `since`, up to `until`."""
    due = [days for days in EXPIRY_NOTICES if since < expires_at - timedelta(days=days) <= until]
    return min(due, default=None)
