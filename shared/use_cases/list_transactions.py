"""One page of an account's transactions, newest first, at the same cost wherever it stands in the history."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Protocol

import msgspec

from shared.domain.accounts import AccountHead
from shared.domain.clock import Clock
from shared.domain.errors import ConsentExpired, ConsentRevoked, NotFound
from shared.domain.leaves import Leaf, Slice, take
from shared.domain.pages import MAX_ROWS

BELOW_NOTHING = "9999-12-31~~"
"""Above every row's key."""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    head: AccountHead | None
    leaves: Iterator[Leaf]
    """Newest first, read as they are asked for. Closing it ends the reading."""


class TransactionPages(Protocol):
    def newest(self, organisation_id: str, account_id: str, *, below: str, read_ahead: int) -> Listed:
        """The head, and the leaves that may hold keys below `below`; `read_ahead` are probably enough."""
        ...

    def pending(self, organisation_id: str, account_id: str) -> Listed: ...


class Range(msgspec.Struct, frozen=True, kw_only=True):
    below: str = BELOW_NOTHING
    """An exclusive upper bound for keys."""
    date_from: date | None = None
    limit: int

    @property
    def not_before(self) -> str:
        return f"{self.date_from.isoformat()}~" if self.date_from else ""


def list_booked(
    organisation_id: str, account_id: str, wanted: Range, *, pages: TransactionPages, clock: Clock
) -> Slice:
    """Raises NotFound, and ConsentExpired or ConsentRevoked for an account that may not be read."""
    read_ahead = 1 + -(-wanted.limit // MAX_ROWS)
    listed = pages.newest(organisation_id, account_id, below=wanted.below, read_ahead=read_ahead)
    return _cut(listed, wanted, clock=clock)


def list_pending(
    organisation_id: str, account_id: str, wanted: Range, *, pages: TransactionPages, clock: Clock
) -> Slice:
    """As `list_booked`, of what the bank has announced but not booked."""
    return _cut(pages.pending(organisation_id, account_id), wanted, clock=clock)


def _cut(listed: Listed, wanted: Range, *, clock: Clock) -> Slice:
    require_readable(listed.head, clock=clock)
    found = take(listed.leaves, below=wanted.below, not_before=wanted.not_before, limit=wanted.limit)
    close = getattr(listed.leaves, "close", None)
    if close is not None:
        close()
    return found


def require_readable(head: AccountHead | None, *, clock: Clock) -> None:
    """An account whose consent has ended shows itself, but not its data."""
    if head is None:
        raise NotFound("There is no such account.")
    if head.status == "expired" or (head.status == "active" and clock.now() >= head.expires_at):
        raise ConsentExpired("The bank consent has expired. Please reconnect the bank account.")
    if head.status != "active":
        raise ConsentRevoked("The bank consent was revoked. Please reconnect the bank account.")
