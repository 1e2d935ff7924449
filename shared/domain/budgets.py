"""How often a bank may be read without the PSU: so many times per account in any rolling 24 hours.

RTS Art. 36(5)(b), Delegated Regulation (EU) 2018/389. A read is reserved, its time stored, before the bank is called,
because a worker may die between the two: what is reserved counts as made. The bank counts a read when it is reached,
later than its reservation, so a reservation counts for READ_TIME longer than the bank's own window. That also covers
clocks that differ by some minutes. A read with the PSU present is no part of any of this.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

WINDOW = timedelta(hours=24)
READ_TIME = timedelta(minutes=15)
"""The longest from a reservation to the last counted call that it pays for: longer than a task may run."""


class RefreshBudget(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """As clients see it."""

    limit: int
    """Unattended reads in any 24 hours."""
    remaining: int
    next_refresh_at: datetime | None
    """When the next background read is due; None when there will be none."""


def remaining(reads: Sequence[datetime], *, limit: int, at: datetime) -> int:
    """How many unattended reads could be reserved at `at`. `reads` are the times of reservations."""
    return max(0, limit - sum(_counts(read, at=at) for read in reads))


def reserve(reads: Sequence[datetime], *, limit: int, at: datetime) -> tuple[datetime, ...] | None:
    """`reads` with one more, made at `at`; None when the budget is spent.

    The newest `limit` are kept: no older one can matter.
    """
    if not remaining(reads, limit=limit, at=at):
        return None
    return tuple(sorted((*reads, at)))[-limit:]


def free_at(reads: Sequence[datetime], *, limit: int, at: datetime) -> datetime:
    """The earliest time, from `at` on, at which an unattended read may be reserved."""
    if remaining(reads, limit=limit, at=at):
        return at
    return sorted(reads)[-limit] + WINDOW + READ_TIME


def interval(*, limit: int) -> timedelta:
    """Between two background reads. One read of the limit is left for a retry, or for a client that asks."""
    return WINDOW + READ_TIME if limit <= 1 else WINDOW / (limit - 1)


def _counts(read: datetime, *, at: datetime) -> bool:
    return read > at - WINDOW - READ_TIME
