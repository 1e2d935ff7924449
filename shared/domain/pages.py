"""The leaves of an account's transactions: pages of rows, newest first, as a B+tree keeps them.

A row is one transaction in the JSON that clients receive. Its key is `bookingDate~transactionId`, so that
keys sort by date. A page holds the rows from its `lower` key up to the next page's `lower`; the oldest page's
`lower` is FIRST. Everything here is pure: `merge` says which pages to write, the store writes them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import date

import msgspec

from shared.domain.bank_data import BookingStatus
from shared.domain.identities import Identity

MAX_ROWS = 200
MAX_BYTES = 400_000
"""Well under Firestore's 1 MiB, whatever banks write into their remittance texts."""

FIRST = "0000-00-00~"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    json: bytes
    """One line: JSON never holds a raw newline."""
    identity: Identity


class Page(msgspec.Struct, frozen=True, kw_only=True):
    lower: str
    rows: tuple[Row, ...]
    """Newest first: keys strictly descending."""


class GoneRow(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A row that was taken out. Should the bank list it again, it gets its old id."""

    was: BookingStatus
    identity: Identity


def row_key(booking_date: date, transaction_id: str) -> str:
    return f"{booking_date.isoformat()}~{transaction_id}"


def merge(
    pages: Sequence[Page], rows: Iterable[Row], *, removed: AbstractSet[str] = frozenset()
) -> list[Page]:
    """The pages that differ once `rows` are in and `removed` ids out: changed ones under their old `lower`, new ones.

    `pages` ascend by `lower`, without a gap, from the one that holds the oldest of `rows` up to the newest.
    A row replaces the one with its transaction id, also where its booking date, and so its place, changed.
    """
    incoming = {row.identity.transaction_id: row for row in rows}
    if not incoming and not removed:
        return []
    leaving = incoming.keys() | removed
    current = list(pages) or [Page(lower=FIRST, rows=())]
    lowers = [page.lower for page in current]
    kept: list[list[Row]] = [
        [row for row in page.rows if row.identity.transaction_id not in leaving] for page in current
    ]
    for row in incoming.values():
        kept[max(bisect_right(lowers, row.key) - 1, 0)].append(row)
    written: list[Page] = []
    for position, (page, candidates) in enumerate(zip(current, kept, strict=True)):
        ordered = tuple(sorted(candidates, key=lambda row: row.key, reverse=True))
        if ordered == page.rows:
            continue
        is_newest = position == len(current) - 1
        written.extend(_split(page.lower, ordered, fill=is_newest))
    return written


def _split(lower: str, rows: tuple[Row, ...], *, fill: bool) -> list[Page]:
    """Cut an overfull page. The newest page grows at its end, so older parts are left full (`fill`);
    elsewhere both halves keep room for late rows."""
    ascending = list(reversed(rows))
    parts: list[list[Row]] = []
    room = MAX_ROWS if fill or len(rows) <= MAX_ROWS else MAX_ROWS // 2
    size = 0
    for row in ascending:
        if not parts or len(parts[-1]) >= room or size + len(row.json) > MAX_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(row)
        size += len(row.json)
    if not parts:
        return [Page(lower=lower, rows=())]
    return [
        Page(lower=lower if number == 0 else part[0].key, rows=tuple(reversed(part)))
        for number, part in enumerate(parts)
    ]
