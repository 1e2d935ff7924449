"""Opening balance + movements = closing balance: the proof that a feed holds every transaction.

All booked rows of an account are summed (`held`). The first whole read gives the opening balance: what the bank says
is booked, less what we hold. From then on the bank's booked balance less `held` must give that opening again; where
it does, the feed is proved up to the balance's date, where it does not, that much is missing between the last
proved day and that date.

A closing balance of a date covers what was booked up to that date, an interim one all that is booked at its moment.
Balances are read before rows, so that a row booked in between can make an interim balance look wrong once: it takes
two reads in a row that disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from shared.domain.bank_data import BankBalance
from shared.domain.money import format_amount

FeedStatus = Literal["proved", "unproved", "gap"]

_ZERO = Decimal(0)


class FeedGap(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename={"from_date": "from", "to_date": "to", "amount": "amount"},
):
    from_date: date
    to_date: date
    """First and last day on which the missing transactions can have been booked."""
    amount: str
    """What the missing ones sum up to, signed, 4 decimals: positive is money that came in."""


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """A booked row as the proof counts it."""

    day: date
    amount: Decimal
    """Signed."""
    currency: str


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """A booked balance of the bank."""

    amount: Decimal
    on: date
    covers_all: bool
    """All that is booked at its moment; else what was booked up to the end of `on`."""


class Proof(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    held: Decimal = _ZERO
    """Signed sum of all booked rows."""
    opening: Decimal | None = None
    """The balance before all of them; None until a whole read came with a balance."""
    anchored_on: date | None = None
    """The date of the balance that gave the opening."""
    is_borne_out: bool = False
    """The opening is of a closed day, or was given twice: of one read alone, a row booked between the balance and the
    list may be part."""
    since: date | None = None
    """Rows older than this came after the opening was known, and move it."""
    proved_to: date | None = None
    gap: FeedGap | None = None
    doubted: bool = False
    """The last read disagreed, and a row booked meanwhile may be why."""
    is_foreign: bool = False
    """Rows in another currency than the account's: their sum says nothing."""

    @property
    def status(self) -> FeedStatus:
        if self.gap is not None:
            return "gap"
        return "proved" if self.proved_to is not None else "unproved"


def closing_balance(
    balances: Sequence[BankBalance], *, currency: str, today: date, zone: ZoneInfo
) -> Closing | None:
    """The balance to prove with: one of a closed day first, since no row booked meanwhile disturbs it."""
    booked = [
        balance for balance in balances if balance.currency == currency and not balance.credit_limit_included
    ]
    closings = [
        (balance, day)
        for balance in booked
        if balance.type == "closingBooked" and (day := _local_day(balance.as_of, zone)) is not None
    ]
    closed = [(balance, day) for balance, day in closings if day < today]
    for balance, day in closed:
        if not isinstance(balance.as_of, datetime):
            return Closing(amount=balance.amount, on=day, covers_all=False)
    for balance in booked:
        if balance.type == "interimBooked":
            return Closing(amount=balance.amount, on=today, covers_all=True)
    for balance, day in closed:
        return Closing(amount=balance.amount, on=day, covers_all=False)
    for balance, _ in closings:
        # Of a day that is not over: whatever the bank calls it, it is an interim one.
        return Closing(amount=balance.amount, on=today, covers_all=True)
    return None


def _local_day(as_of: datetime | date | None, zone: ZoneInfo) -> date | None:
    if not isinstance(as_of, datetime):
        return as_of
    return (as_of if as_of.tzinfo else as_of.replace(tzinfo=zone)).astimezone(zone).date()


def moved(
    proof: Proof, *, entered: Iterable[Movement], withdrawn: Iterable[Movement], currency: str
) -> Proof:
    """After rows came and went; a row that changed is both."""
    held, opening, is_foreign = proof.held, proof.opening, proof.is_foreign
    for sign, movements in ((1, entered), (-1, withdrawn)):
        for movement in movements:
            is_foreign = is_foreign or movement.currency != currency
            held += sign * movement.amount
            if opening is not None and proof.since is not None and movement.day < proof.since:
                opening -= sign * movement.amount
    return msgspec.structs.replace(proof, held=held, opening=opening, is_foreign=is_foreign)


def with_older_history(
    proof: Proof,
    older: Iterable[Movement],
    closing: Closing | None,
    movements: Sequence[Movement],
    *,
    unlisted: Iterable[Movement] = (),
) -> Proof:
    """`proof` has entered `older`: rows of days that an earlier whole read had covered, and yet did not bring.

    They were there when the opening was reckoned, which then is too low or too high by them; unless the balance says
    that they are what was missing. It may say so without those rows that it held and that the bank lists no more.
    """
    older = list(older)
    amount = _sum(older)
    if closing is None or proof.opening is None or not amount:
        return proof
    lacking = missing_amount(proof, closing, movements)
    gone = _sum(item for item in unlisted if closing.covers_all or item.day <= closing.on)
    if lacking is None or lacking in (0, -gone):
        return proof
    # Else a row booked meanwhile may be in it; not in the balance of a day that is over.
    must_be_exact = proof.doubted or proof.gap is not None or not closing.covers_all
    if must_be_exact and lacking not in (-amount, -amount - gone):
        return proof
    return with_opening_before(proof, older)


def with_opening_before(proof: Proof, older: Iterable[Movement]) -> Proof:
    """`proof` has entered `older`, and they were never in its opening."""
    if proof.opening is None:
        return proof
    return msgspec.structs.replace(proof, opening=proof.opening - _sum(older))


def missing_amount(proof: Proof, closing: Closing, movements: Iterable[Movement]) -> Decimal | None:
    """What the feed lacks to reach the balance, signed; None while nothing can be said.

    `movements` are those of the newest rows, from `closing.on` on at least.
    """
    if proof.opening is None or proof.is_foreign:
        return None
    return closing.amount - _covered(proof, closing, movements) - proof.opening


def judged(
    proof: Proof,
    closing: Closing | None,
    movements: Sequence[Movement],
    *,
    since: date,
    history_from: date,
    is_certain: bool,
    holds_unlisted: bool = False,
) -> Proof:
    """The proof after a whole read that reached back to `since`; what is held reaches back to `history_from`.

    `is_certain`: the balance was read twice.

    `holds_unlisted`: some of the rows were not in the bank's list, and may be gone. No opening is reckoned with those,
    nor borne out.
    """
    if proof.is_foreign:
        return msgspec.structs.replace(proof, proved_to=None, gap=None, doubted=False)
    if closing is None:
        return msgspec.structs.replace(_lapsed(proof, since=since), doubted=False)
    missing = missing_amount(proof, closing, movements)
    if missing is None:
        if holds_unlisted:
            return msgspec.structs.replace(proof, doubted=False)
        return _opened(proof, closing, movements, since=history_from, is_borne_out=is_certain)
    anchored_on = proof.anchored_on or closing.on
    if missing == 0:
        if holds_unlisted and not proof.is_borne_out:
            # Neither is: a row that the opening was reckoned with by mistake makes up for itself when it goes.
            return msgspec.structs.replace(proof, gap=None)
        proved_to = (
            max(proof.proved_to or closing.on, closing.on) if closing.on > anchored_on else proof.proved_to
        )
        return msgspec.structs.replace(
            proof, proved_to=proved_to, gap=_later_gap(proof.gap, closing), doubted=False, is_borne_out=True
        )
    if closing.covers_all and not (is_certain or proof.doubted or proof.gap):
        return msgspec.structs.replace(proof, doubted=True)
    if not proof.is_borne_out:
        # It is the opening that was wrong: begin again, rather than show for ever a gap that is none.
        if holds_unlisted:
            return msgspec.structs.replace(proof, opening=None, anchored_on=None, doubted=False)
        return _opened(proof, closing, movements, since=history_from, is_borne_out=is_certain)
    first = min((proof.proved_to or anchored_on) + timedelta(days=1), closing.on)
    gap = FeedGap(from_date=first, to_date=closing.on, amount=format_amount(missing))
    return msgspec.structs.replace(proof, gap=gap, doubted=False)


def _lapsed(proof: Proof, *, since: date) -> Proof:
    """Of days that are not read again, rows may have gone missing since, and no balance would tell."""
    is_over = proof.proved_to is not None and proof.proved_to < since - timedelta(days=1)
    return msgspec.structs.replace(proof, proved_to=None) if is_over else proof


def _later_gap(gap: FeedGap | None, closing: Closing) -> FeedGap | None:
    """What is left of it once all agrees up to that balance."""
    if gap is None or closing.covers_all or closing.on >= gap.to_date:
        return None
    return msgspec.structs.replace(gap, from_date=max(gap.from_date, closing.on + timedelta(days=1)))


def _opened(
    proof: Proof, closing: Closing, movements: Sequence[Movement], *, since: date, is_borne_out: bool
) -> Proof:
    return msgspec.structs.replace(
        proof,
        opening=closing.amount - _covered(proof, closing, movements),
        anchored_on=closing.on,
        is_borne_out=is_borne_out or not closing.covers_all,
        since=since,
        doubted=False,
    )


def _covered(proof: Proof, closing: Closing, movements: Iterable[Movement]) -> Decimal:
    if closing.covers_all:
        return proof.held
    return proof.held - _sum(item for item in movements if item.day > closing.on)


def _sum(movements: Iterable[Movement]) -> Decimal:
    return sum((movement.amount for movement in movements), _ZERO)
