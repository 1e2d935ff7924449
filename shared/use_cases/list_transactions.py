"""One page of an account's transactions, newest first, at the same cost wherever it stands in the history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Protocol

import msgspec

from shared.domain.accounts import AccountHead
from shared.domain.clock import Clock
from shared.domain.errors import ConsentExpired, ConsentRevoked, NotFound
from shared.domain.pages import MAX_ROWS, Slice, take

BELOW_NOTHING = "9999-12-31~~"
"""Above every row's key."""


class PageLines(msgspec.Struct, frozen=True):
    keys: Sequence[str]
    lines: Sequence[bytes]


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    head: AccountHead | None
    pages: list[PageLines]


class TransactionPages(Protocol):
    def newest(self, organisation_id: str, account_id: str, *, below: str, count: int) -> Listed:
        """The head, and up to `count` pages with rows below a key, newest first."""
        ...

    def pending(self, organisation_id: str, account_id: str) -> Listed: ...


def list_booked(
    organisation_id: str,
    account_id: str,
    *,
    date_from: date | None,
    below: str,
    limit: int,
    pages: TransactionPages,
    clock: Clock,
) -> Slice:
    """Rows with a key below `below` and booked on `date_from` or later. Raises NotFound, ConsentExpired, …"""
    not_before = f"{date_from.isoformat()}~" if date_from else ""
    count = 1 + -(-limit // MAX_ROWS)
    while True:
        listed = pages.newest(organisation_id, account_id, below=below, count=count)
        require_readable(listed.head, clock=clock)
        found = take(
            [(page.keys, page.lines) for page in listed.pages],
            below=below,
            not_before=not_before,
            limit=limit,
            more_pages=len(listed.pages) == count,
        )
        if found is not None:
            return found
        count *= 2


def list_pending(
    organisation_id: str,
    account_id: str,
    *,
    date_from: date | None,
    below: str,
    limit: int,
    pages: TransactionPages,
    clock: Clock,
) -> Slice:
    listed = pages.pending(organisation_id, account_id)
    require_readable(listed.head, clock=clock)
    found = take(
        [(page.keys, page.lines) for page in listed.pages],
        below=below,
        not_before=f"{date_from.isoformat()}~" if date_from else "",
        limit=limit,
        more_pages=False,
    )
    return found or Slice(lines=[], next_key=None)


def require_readable(head: AccountHead | None, *, clock: Clock) -> None:
    """An account whose consent has ended shows itself, but not its data."""
    if head is None:
        raise NotFound("There is no such account.")
    if head.status == "expired" or (head.status == "active" and clock.now() >= head.expires_at):
        raise ConsentExpired("The bank consent has expired. Please reconnect the bank account.")
    if head.status != "active":
        raise ConsentRevoked("The bank consent was revoked. Please reconnect the bank account.")
