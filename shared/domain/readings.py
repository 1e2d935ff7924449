"""What one read of an account has brought so far, in parts that survive the worker.

Entries are recognised when the whole list is there: the bank may list in any order, and only whole days can be counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

import msgspec

from shared.domain.bank_data import BankBalance, BankTransaction

PART_ROWS = 400
"""Well under Firestore's 1 MiB."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    since: date
    """The first booking date asked for."""
    read_at: datetime
    """When the balances and the pending entries were read: before the booked ones."""
    balances: tuple[BankBalance, ...]
    pending: tuple[BankTransaction, ...]
    booked: tuple[BankTransaction, ...]
    after: datetime | None = None
    """When what was stored of the account as this began had been read."""

    @property
    def first_day(self) -> date:
        """Banks may list more than they were asked for; all of it must be held against what is stored."""
        return min([self.since, *(entry.booking_date for entry in self.booked if entry.booking_date)])

    def with_page(self, booked: tuple[BankTransaction, ...]) -> Reading:
        return msgspec.structs.replace(self, booked=self.booked + booked)


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    since: date
    read_at: datetime
    after: datetime | None = None
    balances: list[dict[str, object]] = []
    """Those of the first part. Their `as_of` is a date or a time, which JSON alone cannot tell apart."""
    days: list[date | None] = []
    times: list[datetime | None] = []
    pending: list[BankTransaction] = []
    booked: list[BankTransaction] = []


_decoder = msgspec.json.Decoder(_Part)


def to_parts(reading: Reading, *, booked_from: int, is_first: bool) -> list[bytes]:
    """The booked entries from `booked_from` on; the first part also has everything else."""
    rows = reading.booked[booked_from:]
    slices = [rows[start : start + PART_ROWS] for start in range(0, len(rows), PART_ROWS)] or [()]
    parts = [
        _Part(since=reading.since, read_at=reading.read_at, after=reading.after, booked=list(part))
        for part in slices
    ]
    if is_first:
        parts[0] = msgspec.structs.replace(
            parts[0],
            balances=[msgspec.to_builtins(balance) | {"as_of": None} for balance in reading.balances],
            days=[None if isinstance(item.as_of, datetime) else item.as_of for item in reading.balances],
            times=[item.as_of if isinstance(item.as_of, datetime) else None for item in reading.balances],
            pending=list(reading.pending),
        )
    return [msgspec.json.encode(part) for part in parts]


def from_parts(parts: Iterable[bytes]) -> Reading | None:
    """None when there is no part."""
    decoded = [_decoder.decode(part) for part in parts]
    if not decoded:
        return None
    first = decoded[0]
    return Reading(
        since=first.since,
        read_at=first.read_at,
        after=first.after,
        balances=tuple(
            BankBalance(
                type=balance["type"],  # type: ignore[arg-type]  # as it was written above
                amount=msgspec.convert(balance["amount"], Decimal),
                currency=str(balance["currency"]),
                as_of=day or moment,
                credit_limit_included=bool(balance["credit_limit_included"]),
            )
            for balance, day, moment in zip(first.balances, first.days, first.times, strict=True)
        ),
        pending=tuple(first.pending),
        booked=tuple(row for part in decoded for row in part.booked),
    )
