"""What is odd about the accounts of some persons: one function a quirk, from plain books to the books as they stand.

Every quirk comes back every few days, so that a week shows each, whenever it begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from xs2a_bank.banks import BANKS
from xs2a_bank.people import PEOPLE, Quirk

from .ledger import next_banking_day
from .model import Account, Movement

LATE_DAYS = 3
CORRECTED_AFTER_DAYS = 2
DROPPED_DAYS = 2
_LATE_EVERY_DAYS = 3
_CORRECTED_EVERY_DAYS = 3
_REUSED_EVERY_DAYS = 4
_REMOVED_EVERY_DAYS = 7
_PENDING_NUMBERS = 500
"""A day has fewer rows than this: numbers from here on make ids that no booked row has."""


def quirk_of(account: Account) -> Quirk | None:
    return PEOPLE[account.person].quirk


def gives_balances(account: Account) -> bool:
    return quirk_of(account) is not Quirk.NO_BALANCES


def gives_places(account: Account) -> bool:
    """A row's place in the answer, from 1, stands where its id should be."""
    return quirk_of(account) is Quirk.IDS_SHIFT


def is_left_out(row: Movement, *, sca_at: datetime | None, now: datetime) -> bool:
    """`dropped`: rows of the day of SCA are in no answer on the two days that follow, neither booked nor pending."""
    if quirk_of(row.account) is not Quirk.DROPPED or sca_at is None:
        return False
    zone: ZoneInfo = BANKS[row.account.bank].time_zone
    day, today = sca_at.astimezone(zone).date(), now.astimezone(zone).date()
    return row.day == day and day < today <= day + timedelta(days=DROPPED_DAYS)


def as_they_stand(
    account: Account, opening_minor: int, rows: Sequence[Movement], *, today: date
) -> tuple[tuple[Movement, ...], tuple[Movement, ...]]:
    """(booked, pending) of the rows of plain books, each oldest first."""
    change = _CHANGES.get(quirk_of(account))
    if change is not None:
        rows = [change(row, today) for row in rows]
    booked = [row for row in rows if _booked_on(row) < today]
    pending = tuple(row for row in rows if _booked_on(row) >= today)
    if quirk_of(account) in (Quirk.LATE, Quirk.REMOVED):
        booked = sorted(_with_balances(opening_minor, booked, today=today), key=lambda row: row.row_key)
    return tuple(booked), pending


def _ids_change(row: Movement, today: date) -> Movement:
    if row.day < today:
        return row
    return replace(
        row, ids_of=(row.day, row.number + _PENDING_NUMBERS), remittance=_cut(row.remittance), reference=""
    )


def _ids_shift(row: Movement, today: date) -> Movement:  # noqa: ARG001 - at every time
    return replace(row, has_ids=False)


def _ids_reused(row: Movement, today: date) -> Movement:  # noqa: ARG001
    """The first row of a day has the ids of the first row of the day before."""
    if row.number or row.day.toordinal() % _REUSED_EVERY_DAYS:
        return row
    return replace(row, ids_of=(row.day - timedelta(days=1), 0))


def _ids_missing(row: Movement, today: date) -> Movement:  # noqa: ARG001
    return replace(row, has_ids=False) if row.kind == "card" else row


def _late(row: Movement, today: date) -> Movement:  # noqa: ARG001
    if row.kind != "card" or row.day.toordinal() % _LATE_EVERY_DAYS:
        return row
    return replace(row, booked_on=row.day + timedelta(days=LATE_DAYS))


def _corrected(row: Movement, today: date) -> Movement:
    if row.kind != "card" or row.day.toordinal() % _CORRECTED_EVERY_DAYS:
        return row
    # The first day that shows it as booked is the one after its own.
    if today > row.day + timedelta(days=CORRECTED_AFTER_DAYS):
        return replace(row, value_date=next_banking_day(row.value_date + timedelta(days=1)))
    return replace(row, remittance=_cut(row.remittance))


_CHANGES: dict[Quirk | None, Callable[[Movement, date], Movement]] = {
    Quirk.IDS_CHANGE: _ids_change,
    Quirk.IDS_SHIFT: _ids_shift,
    Quirk.IDS_REUSED: _ids_reused,
    Quirk.IDS_MISSING: _ids_missing,
    Quirk.LATE: _late,
    Quirk.CORRECTED: _corrected,
}


def _is_removed(row: Movement) -> bool:
    return (
        quirk_of(row.account) is Quirk.REMOVED
        and row.kind == "card"
        and row.day.toordinal() % _REMOVED_EVERY_DAYS == 0
    )


def _with_balances(opening_minor: int, booked: Sequence[Movement], *, today: date) -> Iterator[Movement]:
    """Each row with the balance when it was booked, which stays as it was; without those that were reversed.

    A reversal is the last thing of the day after.
    """
    last_thing = len(booked)
    events = [(_booked_on(row), place, row, row.amount_minor) for place, row in enumerate(booked)]
    for row in booked:
        reversed_on = row.day + timedelta(days=1)
        if _is_removed(row) and reversed_on < today:
            events.append((reversed_on, last_thing, row, -row.amount_minor))
    gone = {row.row_key for _, place, row, _ in events if place == last_thing}
    balance_minor = opening_minor
    for _, _, row, amount_minor in sorted(events, key=lambda event: event[:2]):
        balance_minor += amount_minor
        if row.row_key not in gone:
            yield replace(row, balance_after_minor=balance_minor)


def _booked_on(row: Movement) -> date:
    return row.booked_on or row.day


def _cut(text: str) -> str:
    """Without its last word."""
    return text.rpartition(" ")[0] or text
