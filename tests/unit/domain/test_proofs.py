"""Opening + movements = closing: what agrees is proved, what does not is a gap until the rows come."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
from hypothesis import given, settings

from shared.domain.bank_data import BalanceType, BankBalance
from shared.domain.proofs import (
    Closing,
    FeedGap,
    Movement,
    Proof,
    closing_balance,
    judged,
    moved,
    with_older_history,
)

DAY = date(2026, 11, 20)
ZONE = ZoneInfo("Europe/Zagreb")


def movement(amount: int, *, day: int = 0, currency: str = "EUR") -> Movement:
    return Movement(day=DAY + timedelta(days=day), amount=Decimal(amount), currency=currency)


def entered(proof: Proof, *movements: Movement) -> Proof:
    return moved(proof, entered=movements, withdrawn=(), currency="EUR")


def closing(amount: int, *, day: int, covers_all: bool = False) -> Closing:
    return Closing(amount=Decimal(amount), on=DAY + timedelta(days=day), covers_all=covers_all)


def judge(
    proof: Proof,
    told: Closing | None,
    *movements: Movement,
    is_certain: bool = False,
    holds_unlisted: bool = False,
) -> Proof:
    return judged(
        proof,
        told,
        movements,
        since=DAY - timedelta(days=30),
        history_from=DAY - timedelta(days=30),
        is_certain=is_certain,
        holds_unlisted=holds_unlisted,
    )


def test_one_balance_proves_nothing_and_the_next_day_does() -> None:
    first = movement(10)
    proof = judge(entered(Proof(), first), closing(110, day=0), first)
    assert (proof.status, proof.opening) == ("unproved", Decimal(100))
    again = judge(proof, closing(110, day=0), first)
    assert again.status == "unproved"
    second = movement(5, day=1)
    proved = judge(entered(proof, second), closing(115, day=1), first, second)
    assert (proved.status, proved.proved_to) == ("proved", DAY + timedelta(days=1))


def test_a_missing_row_is_a_gap_that_heals_when_it_comes() -> None:
    proof = judge(Proof(), closing(100, day=0))
    gap = judge(proof, closing(88, day=2))
    assert gap.status == "gap"
    assert gap.gap == FeedGap(
        from_date=DAY + timedelta(days=1), to_date=DAY + timedelta(days=2), amount="-12.0000"
    )
    late = movement(-12, day=1)
    healed = judge(entered(gap, late), closing(88, day=2), late)
    assert (healed.status, healed.gap) == ("proved", None)


def test_a_closing_balance_covers_its_day_and_no_later_one() -> None:
    proof = judge(Proof(), closing(100, day=0))
    today = movement(7, day=2)
    assert judge(entered(proof, today), closing(100, day=1), today).status == "proved"


def test_an_interim_balance_is_believed_when_it_disagrees_twice() -> None:
    """A row booked between the balance and the list looks the same once."""
    proof = judge(Proof(), closing(100, day=0, covers_all=True))
    proof = judge(proof, closing(100, day=0, covers_all=True))
    row = movement(5, day=1)
    proof = entered(proof, row)
    doubted = judge(proof, closing(100, day=1, covers_all=True), row)
    assert (doubted.status, doubted.doubted) == ("unproved", True)
    assert judge(doubted, closing(105, day=1, covers_all=True), row).status == "proved"
    assert judge(doubted, closing(100, day=1, covers_all=True), row).status == "gap"
    assert judge(proof, closing(100, day=1, covers_all=True), row, is_certain=True).status == "gap"


def test_an_opening_that_no_second_read_bears_out_is_given_up() -> None:
    """A row was booked between the first balance and the first list: that must not be a gap for ever."""
    proof = judge(Proof(), closing(95, day=0, covers_all=True))
    doubted = judge(proof, closing(100, day=1, covers_all=True))
    assert doubted.doubted
    again = judge(doubted, closing(100, day=1, covers_all=True))
    assert (again.status, again.opening, again.doubted) == ("unproved", Decimal(100), False)
    assert judge(again, closing(100, day=2, covers_all=True)).status == "proved"


def test_an_opening_that_a_closed_day_contradicts_is_given_up() -> None:
    """It was reckoned of an interim balance, while a row was booked; only later did the bank tell of closed days."""
    row = movement(-5)
    torn = judge(entered(Proof(), row), closing(100, day=0, covers_all=True), row)
    again = judge(torn, closing(95, day=1), row)
    assert (again.status, again.opening, again.is_borne_out) == ("unproved", Decimal(100), True)
    assert judge(again, closing(95, day=2), row).status == "proved"
    unlisted = judge(torn, closing(100, day=1), row, holds_unlisted=True)
    assert not unlisted.is_borne_out, "nor is it borne out by a row that the bank has taken back since"


def test_no_opening_is_reckoned_with_rows_that_the_bank_no_longer_lists() -> None:
    """They would be in it for ever, and the balance would agree that they are there."""
    told = closing(100, day=1, covers_all=True)
    assert judge(Proof(), told, holds_unlisted=True).opening is None
    doubted = judge(judge(Proof(), closing(95, day=0, covers_all=True)), told)
    given_up = judge(doubted, told, holds_unlisted=True)
    assert (given_up.status, given_up.opening) == ("unproved", None)
    assert judge(given_up, told).opening == Decimal(100)


def test_no_opening_is_borne_out_by_rows_that_the_bank_no_longer_lists() -> None:
    """Booked between the first balance and the first list, and taken back since: one mistake hides the other."""
    row = movement(-5)
    opened = judge(entered(Proof(), row), closing(100, day=0, covers_all=True), row)
    doubted = judge(opened, closing(95, day=0, covers_all=True), row)
    agreeing = judge(doubted, closing(100, day=0, covers_all=True), row, holds_unlisted=True)
    assert not agreeing.is_borne_out
    without = moved(agreeing, entered=(), withdrawn=[row], currency="EUR")
    again = judge(without, closing(100, day=1, covers_all=True))
    assert (again.status, again.opening) == ("unproved", Decimal(100))


def test_older_history_moves_the_opening() -> None:
    proof = judge(Proof(), closing(100, day=0))
    older = movement(30, day=-40)
    assert judge(entered(proof, older), closing(100, day=1)).status == "proved"


def test_what_a_first_read_passed_over_was_never_in_the_opening() -> None:
    told = closing(95, day=1, covers_all=True)
    proof = judge(judge(Proof(), told), told)
    passed_over = movement(-7, day=-20)
    held = entered(proof, passed_over)
    adjusted = with_older_history(held, [passed_over], told, [passed_over])
    assert judge(adjusted, told, passed_over).status == "unproved"
    assert judge(adjusted, closing(95, day=2, covers_all=True), passed_over).status == "proved"
    booked_meanwhile = closing(90, day=1, covers_all=True)
    assert with_older_history(held, [passed_over], booked_meanwhile, [passed_over]) == adjusted


def test_an_old_row_that_was_missing_fills_its_gap() -> None:
    proof = judge(Proof(), closing(100, day=0))
    gap = judge(proof, closing(93, day=1))
    late = movement(-7, day=-20)
    held = entered(gap, late)
    assert with_older_history(held, [late], closing(93, day=1), [late]) == held
    assert judge(held, closing(93, day=1), late).status == "proved"
    assert with_older_history(held, [late], closing(90, day=1), [late]) == held, (
        "and some of it is missing still"
    )


def test_a_balance_of_before_a_gap_does_not_close_it() -> None:
    """As from a bank that tells of yesterday at one time and of now at another."""
    proof = judge(Proof(), closing(100, day=0))
    gap = judge(proof, closing(88, day=3, covers_all=True), is_certain=True)
    assert judge(gap, closing(100, day=0)).status == "gap"
    narrowed = judge(gap, closing(100, day=2))
    assert narrowed.gap == FeedGap(
        from_date=DAY + timedelta(days=3), to_date=DAY + timedelta(days=3), amount="-12.0000"
    )
    assert judge(narrowed, closing(100, day=3)).status == "proved"


def test_a_proof_lapses_when_balances_tell_nothing_any_more() -> None:
    proved = judge(judge(Proof(), closing(100, day=0)), closing(100, day=1))
    assert proved.status == "proved"

    def without_balance(day: int) -> Proof:
        since = DAY + timedelta(days=day)
        return judged(proved, None, (), since=since, history_from=DAY, is_certain=False)

    assert without_balance(2).status == "proved", "of days that are still read again"
    lapsed = without_balance(3)
    assert lapsed.status == "unproved"
    assert judge(lapsed, closing(100, day=13)).status == "proved"
    assert judge(lapsed, closing(88, day=13)).status == "gap"
    foreign = entered(proved, movement(5, day=2, currency="USD"))
    assert judge(foreign, closing(100, day=2)).status == "unproved"


def test_foreign_amounts_and_no_balances_prove_nothing() -> None:
    foreign = entered(Proof(), movement(5, currency="USD"))
    assert judge(judge(foreign, closing(100, day=0)), closing(0, day=1)).status == "unproved"
    assert judge(judge(Proof(), None), None).status == "unproved"


def test_which_balance_is_taken() -> None:
    def told(kind: BalanceType, as_of: datetime | date | None, *, limit: bool = False) -> BankBalance:
        return BankBalance(
            type=kind, amount=Decimal(1), currency="EUR", as_of=as_of, credit_limit_included=limit
        )

    def taken(*balances: BankBalance) -> Closing | None:
        return closing_balance(balances, currency="EUR", today=DAY, zone=ZONE)

    yesterday = DAY - timedelta(days=1)
    closed = told("closingBooked", yesterday)
    assert taken(told("interimBooked", DAY), closed) == closing(1, day=-1)
    assert taken(told("interimBooked", None)) == closing(1, day=0, covers_all=True)
    assert taken(told("closingBooked", datetime(2026, 11, 18, 23, 30, tzinfo=UTC))) == closing(1, day=-1)
    for not_over in (DAY, DAY + timedelta(days=1), datetime(2026, 11, 19, 23, 30, tzinfo=UTC)):
        assert taken(told("closingBooked", not_over)) == closing(1, day=0, covers_all=True)
    for useless in (
        told("interimAvailable", DAY),
        told("closingBooked", None),
        told("interimBooked", DAY, limit=True),
    ):
        assert taken(useless) is None


rows = st.lists(st.tuples(st.integers(-50, 50), st.integers(-5, 20)), max_size=15)


@given(rows, rows, st.integers(-1000, 1000))
@settings(max_examples=300, deadline=None)
def test_the_gap_is_what_is_missing(
    held: list[tuple[int, int]], missing: list[tuple[int, int]], opening: int
) -> None:
    here = [movement(amount, day=day) for amount, day in held]
    lost = [movement(amount, day=day) for amount, day in missing]
    first = [item for item in here if item.day <= DAY]
    anchored = judge(entered(Proof(), *first), closing(opening + _sum(first), day=0), *first)
    proof = entered(anchored, *(item for item in here if item.day > DAY))
    end = DAY + timedelta(days=10)
    known = [item for item in here if item.day <= end]
    short = [item for item in lost if item.day <= end]
    told = closing(opening + _sum(known) + _sum(short), day=10)
    result = judge(proof, told, *here)
    if _sum(short):
        assert result.gap is not None
        assert Decimal(result.gap.amount) == _sum(short)
        result = judge(entered(result, *short), told, *here, *short)
    assert (result.status, result.gap) == ("proved", None)


def _sum(movements: list[Movement]) -> int:
    return int(sum(item.amount for item in movements))
