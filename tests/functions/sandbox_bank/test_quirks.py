"""What is odd about some persons' accounts: in the books, and in the answers day by day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

import pytest

from tests.functions.sandbox_bank.conftest import NOON, MovableClock
from tests.functions.sandbox_bank.tpp import Connection, Tpp
from xs2a_bank.banks import BANKS
from xs2a_bank.data import Account, Movement, accounts_of, statement

EVERY_BANK = tuple(BANKS)
WITH_IDS = ("erste-hr", "intesa-rs", "raiffeisen-ba")
DAYS = 8
"""More than a week: every quirk has come by."""
SINCE = NOON.date() - timedelta(days=20)
TODAY = NOON.date()


def main_account(bank: str, person: str) -> Account:
    return accounts_of(bank, person)[0]


def booked(account: Account, *, days: int) -> dict[str, Movement]:
    """Row key → row, so many days from noon."""
    rows = statement(account, now=NOON + timedelta(days=days)).booked
    return {row.row_key: row for row in rows if row.day >= SINCE}


@dataclass(frozen=True)
class Answer:
    """What a TPP reads of an account: rows newest first, amounts with their sign."""

    booked: list[dict[str, Any]]
    pending: list[dict[str, Any]]
    booked_balance: Decimal | None

    @property
    def moved(self) -> Decimal:
        return sum((row["amount"] for row in self.booked), Decimal(0))


def read(tpp: Tpp, connection: Connection, account: Account, *, to: date, since: date = SINCE) -> Answer:
    if account.bank == "raiffeisen-ba":
        return _read_bilateral(tpp, connection, account, since=since, to=to)
    path = f"/v1/accounts/{account.resource_id}"
    listed = tpp.read(connection, f"{path}/transactions?bookingStatus=both&dateFrom={since}").get_json()
    assert "next" not in listed["transactions"]["_links"]
    balances = tpp.read(connection, f"{path}/balances").get_json()["balances"]
    told = {balance["balanceType"]: balance for balance in balances}
    closing = told.get("closingBooked")
    if closing is not None:
        assert closing["referenceDate"] == (to - timedelta(days=1)).isoformat()
        if "interimBooked" in told:
            assert told["interimBooked"]["balanceAmount"] == closing["balanceAmount"]
    return Answer(
        [_standard_row(row) for row in listed["transactions"]["booked"]],
        [_standard_row(row) for row in listed["transactions"]["pending"]],
        None if closing is None else Decimal(closing["balanceAmount"]["amount"]),
    )


def _standard_row(row: dict[str, Any]) -> dict[str, Any]:
    amount = Decimal(row["transactionAmount"]["amount"])
    text = row.get("remittanceInformationUnstructured")
    return {
        "id": row.get("transactionId") or row.get("entryReference"),
        "entry_reference": row.get("entryReference"),
        "end_to_end_id": row.get("endToEndId"),
        "date": row.get("bookingDate"),
        "value_date": row.get("valueDate"),
        "amount": -abs(amount) if "creditorName" in row else amount,
        "text": " ".join(row["remittanceInformationUnstructuredArray"]) if text is None else text,
        "balance_after": row.get("balanceAfterTransaction"),
    }


def _read_bilateral(tpp: Tpp, connection: Connection, account: Account, *, since: date, to: date) -> Answer:
    query = f"/accounts/{account.iban}/entries?from={since:%d.%m.%Y}&to={to:%d.%m.%Y}"
    lists = []
    for state in ("BOOKED", "RESERVED"):
        listed = tpp.bilateral(connection, f"{query}&state={state}", attended=True).get_json()
        assert listed["pages"] <= 1
        lists.append([_bilateral_row(row) for row in listed["entries"]])
    items = tpp.bilateral(connection, "/accounts", attended=True).get_json()["items"]
    balance = items[0]["balances"].get("booked")
    return Answer(*lists, None if balance is None else _number(balance))


def _bilateral_row(row: dict[str, Any]) -> dict[str, Any]:
    day, value_date = (
        "-".join(reversed(row[name].split("."))) if row[name] else None for name in ("date", "valueDate")
    )
    return {
        "id": row["no"] and str(row["no"]),
        "date": day,
        "value_date": value_date,
        "amount": _number(row["amount"]) * (-1 if row["type"] == "D" else 1),
        "text": " ".join(part for part in (row["purpose"], row["reference"]) if part),
    }


def _number(text: str) -> Decimal:
    return Decimal(text.replace(".", "").replace(",", "."))


def days_of(tpp: Tpp, clock: MovableClock, bank: str, person: str) -> Iterator[tuple[Account, Answer]]:
    """The main account as it is read on each of some days, from the day of SCA on."""
    connection, account = tpp.connect(bank, person=person), main_account(bank, person)
    for _ in range(DAYS):
        yield account, read(tpp, connection, account, to=clock.current.date())
        clock.move(days=1)
        connection = tpp.renew(connection)


def as_told(rows: list[dict[str, Any]]) -> Counter[tuple[str, Decimal]]:
    return Counter((row["date"], row["amount"]) for row in rows)


def as_kept(rows: tuple[Movement, ...]) -> Counter[tuple[str, Decimal]]:
    return Counter((row.day.isoformat(), row.amount) for row in rows if row.day >= SINCE)


@pytest.mark.parametrize("person", ["late", "removed"])
@pytest.mark.parametrize("bank", EVERY_BANK)
def test_answers_are_the_statement_and_the_balance_its_sum(
    tpp: Tpp, clock: MovableClock, bank: str, person: str
) -> None:
    for account, answer in days_of(tpp, clock, bank, person):
        books = statement(account, now=clock.current)
        assert as_told(answer.booked) == as_kept(books.booked)
        assert len(answer.pending) == len(books.pending)
        before = sum(row.amount for row in books.booked if row.day < SINCE)
        assert answer.booked_balance == books.opening_balance + before + answer.moved


@pytest.mark.parametrize("bank", EVERY_BANK)
def test_ids_change_on_booking_and_texts_grow(bank: str) -> None:
    account = main_account(bank, "ids-change")
    longer = 0
    for days in range(DAYS):
        pending = statement(account, now=NOON + timedelta(days=days)).pending
        later = booked(account, days=days + 1)
        ids = {row.transaction_id for row in later.values()} | {row.entry_reference for row in later.values()}
        for row in pending:
            settled = later[row.row_key]
            assert not {row.transaction_id, row.entry_reference} & ids
            assert (row.amount, row.end_to_end_id) == (settled.amount, settled.end_to_end_id)
            assert settled.remittance.startswith(row.remittance)
            longer += len(settled.remittance) > len(row.remittance)
            assert settled == booked(account, days=40)[row.row_key]
    assert longer > DAYS


def test_ids_change_in_the_answers(tpp: Tpp, clock: MovableClock) -> None:
    days = days_of(tpp, clock, "erste-hr", "ids-change")
    _, first = next(days)
    _, second = next(days)
    assert first.pending
    settled = [row for row in second.booked if row["date"] == TODAY.isoformat()]
    for before, after in zip(first.pending, settled, strict=True):
        assert before["amount"] == after["amount"]
        assert before["id"] != after["id"]
        assert before["entry_reference"] != after["entry_reference"]
        assert after["text"].startswith(before["text"])
        assert len(after["text"]) > len(before["text"])


@pytest.mark.parametrize("bank", WITH_IDS)
def test_ids_shift_with_the_list(tpp: Tpp, clock: MovableClock, bank: str) -> None:
    days = days_of(tpp, clock, bank, "ids-shift")
    (_, first), (_, second) = next(days), next(days)
    for answer in (first, second):
        assert [row["id"] for row in answer.booked] == [str(n + 1) for n in range(len(answer.booked))]
    assert len(second.booked) > len(first.booked)
    assert first.booked[0]["id"] == second.booked[0]["id"]
    assert first.booked[0]["date"] != second.booked[0]["date"]
    if bank == "erste-hr":
        assert {row["entry_reference"] for row in first.booked} == {None}


def test_ids_shift_counts_on_over_the_pages(tpp: Tpp) -> None:
    account = main_account("erste-hr", "ids-shift")
    connection = tpp.connect("erste-hr", person="ids-shift")
    path = f"/v1/accounts/{account.resource_id}/transactions"
    first = tpp.read(connection, f"{path}?bookingStatus=booked&dateFrom=2026-01-01").get_json()[
        "transactions"
    ]
    following = first["_links"]["next"]["href"].partition("/erste-hr")[2]
    second = tpp.read(connection, following).get_json()["transactions"]
    ids = [row["transactionId"] for row in first["booked"] + second["booked"]]
    assert ids == [str(n + 1) for n in range(200)]
    assert tpp.read(connection, f"{path}/1").status_code == 404


@pytest.mark.parametrize("bank", WITH_IDS)
def test_ids_are_reused_for_different_transactions(tpp: Tpp, clock: MovableClock, bank: str) -> None:
    _, answer = next(days_of(tpp, clock, bank, "ids-reused"))
    times = Counter(row["id"] for row in answer.booked)
    shared = [name for name, number in times.items() if number > 1]
    assert len(shared) >= 4
    assert set(times.values()) == {1, 2}
    for name in shared:
        one, other = (row for row in answer.booked if row["id"] == name)
        assert one["date"] != other["date"]
    books = statement(main_account(bank, "ids-reused"), now=NOON)
    assert as_told(answer.booked) == as_kept(books.booked)


@pytest.mark.parametrize("bank", WITH_IDS)
def test_ids_are_missing_for_card_rows_alone(tpp: Tpp, clock: MovableClock, bank: str) -> None:
    account, answer = next(days_of(tpp, clock, bank, "ids-missing"))
    rows = [row for row in reversed(statement(account, now=NOON).booked) if row.day >= SINCE]
    assert [row["id"] is None for row in answer.booked] == [row.kind == "card" for row in rows]
    assert {row.kind == "card" for row in rows} == {True, False}
    assert all(row.has_ids == (row.kind != "card") for row in rows)


@pytest.mark.parametrize("bank", EVERY_BANK)
def test_late_rows_are_pending_until_they_are_booked_under_their_own_day(bank: str) -> None:
    account = main_account(bank, "late")
    late = 0
    for days in range(DAYS):
        now = NOON + timedelta(days=days)
        before, after = booked(account, days=days), booked(account, days=days + 1)
        assert before.items() <= after.items(), "and rows that are booked stay as they are"
        for key in after.keys() - before.keys():
            row = after[key]
            age = (now.date() - row.day).days
            assert age in (0, 3)
            late += age == 3
            assert (age == 3) == (row.booked_on is not None)
            waiting = statement(account, now=now).pending
            assert (row.transaction_id, row.remittance) in {(w.transaction_id, w.remittance) for w in waiting}
    assert late >= 3


@pytest.mark.parametrize("bank", EVERY_BANK)
def test_corrections_come_two_days_after_booking_and_keep_the_id(bank: str) -> None:
    account = main_account(bank, "corrected")
    corrected = 0
    for days in range(DAYS):
        before, after = booked(account, days=days), booked(account, days=days + 1)
        assert before.keys() <= after.keys()
        for key, row in before.items():
            now = after[key]
            if now == row:
                continue
            corrected += 1
            assert NOON.date() + timedelta(days=days + 1) == row.day + timedelta(days=3)
            assert now.remittance.startswith(row.remittance)
            assert now.remittance != row.remittance
            assert now.value_date > row.value_date
            assert (now.transaction_id, now.amount, now.day) == (row.transaction_id, row.amount, row.day)
    assert corrected >= 2


def test_corrections_in_the_answers(tpp: Tpp, clock: MovableClock) -> None:
    for bank in ("erste-hr", "raiffeisen-ba"):
        clock.current = NOON
        seen: dict[str, dict[str, Any]] = {}
        corrected = 0
        for _, answer in days_of(tpp, clock, bank, "corrected"):
            for row in answer.booked:
                old = seen.setdefault(row["id"], row)
                corrected += (old["text"], old["value_date"]) != (row["text"], row["value_date"])
                assert (old["date"], old["amount"]) == (row["date"], row["amount"])
        assert corrected >= 3


@pytest.mark.parametrize("bank", EVERY_BANK)
def test_removed_rows_are_booked_for_one_day(bank: str) -> None:
    account = main_account(bank, "removed")
    removed = 0
    for days in range(DAYS):
        before, after = booked(account, days=days), booked(account, days=days + 1)
        gone = before.keys() - after.keys()
        assert all(after[key] == before[key] for key in before.keys() & after.keys())
        for key in gone:
            removed += 1
            assert before[key].day == NOON.date() + timedelta(days=days - 1)
        balance = statement(account, now=NOON + timedelta(days=days + 1)).booked_balance
        new = sum(after[key].amount for key in after.keys() - before.keys())
        reversed_ = sum(before[key].amount for key in gone)
        assert statement(account, now=NOON + timedelta(days=days)).booked_balance + new - reversed_ == balance
        assert after[max(after)].balance_after - reversed_ == balance, "reversed after the day's last row"
    assert removed >= 1


@pytest.mark.parametrize("bank", EVERY_BANK)
def test_running_balances_are_those_of_the_order_of_booking(bank: str) -> None:
    books = statement(main_account(bank, "late"), now=NOON)
    running = books.opening_balance
    for row in sorted(books.booked, key=lambda row: (row.booked_on or row.day, row.row_key)):
        running += row.amount
        assert row.balance_after == running
    assert running == books.booked_balance


@pytest.mark.parametrize("bank", ["intesa-rs"])
@pytest.mark.parametrize("person", ["late", "removed"])
def test_a_running_balance_once_told_stays(tpp: Tpp, clock: MovableClock, bank: str, person: str) -> None:
    told: dict[str, Any] = {}
    for _, answer in days_of(tpp, clock, bank, person):
        for row in answer.booked:
            assert told.setdefault(row["id"], row["balance_after"]) == row["balance_after"] is not None


@pytest.mark.parametrize("bank", EVERY_BANK)
def test_dropped_opens_a_gap_for_two_days_that_heals(tpp: Tpp, clock: MovableClock, bank: str) -> None:
    gaps = []
    for account, answer in islice(days_of(tpp, clock, bank, "dropped"), 5):
        books = statement(account, now=clock.current)
        before = sum(row.amount for row in books.booked if row.day < SINCE)
        gap = books.booked_balance - (books.opening_balance + before + answer.moved)
        assert answer.booked_balance == books.booked_balance
        missing = as_kept(books.booked) - as_told(answer.booked)
        assert not as_told(answer.booked) - as_kept(books.booked)
        assert sum(amount * times for (_, amount), times in missing.items()) == gap
        assert {day for day, _ in missing} <= {TODAY.isoformat()}
        assert len(answer.pending) == len(books.pending)
        gaps.append(bool(missing))
    assert gaps == [False, True, True, False, False]


def test_dropped_is_told_by_is_left_out_and_hides_the_single_row_too(tpp: Tpp, clock: MovableClock) -> None:
    connection, account = tpp.connect("erste-hr", person="dropped"), main_account("erste-hr", "dropped")
    row = statement(account, now=NOON).pending[0]
    path = f"/v1/accounts/{account.resource_id}/transactions/{row.transaction_id}"
    for status in (404, 404, 200):
        clock.move(days=1)
        connection = tpp.renew(connection)
        assert tpp.read(connection, path).status_code == status


@pytest.mark.parametrize("bank", EVERY_BANK)
def test_no_balances_are_given_anywhere(tpp: Tpp, clock: MovableClock, bank: str) -> None:
    account, answer = next(days_of(tpp, clock, bank, "no-balances"))
    assert answer.booked_balance is None
    assert len(answer.booked) > 10
    assert all(row.get("balance_after") is None for row in answer.booked)
    if bank == "raiffeisen-ba":
        return
    connection = tpp.connect(bank, person="no-balances")
    listed = tpp.read(connection, "/v1/accounts?withBalance=true").get_json()["accounts"]
    assert all("balances" not in found and "balances" not in found["_links"] for found in listed)
    target = f"/v1/accounts/{account.resource_id}/transactions"
    report = tpp.read(connection, f"{target}?bookingStatus=booked&dateFrom={SINCE}&withBalance=true")
    assert (report.status_code, "balances" in report.get_json()) == (200, False)


@pytest.mark.parametrize("person", ["ana", "late", "removed"])
def test_a_periods_balances_enclose_the_rows_that_are_listed(
    tpp: Tpp, clock: MovableClock, person: str
) -> None:
    connection, account = tpp.connect("erste-hr", person=person), main_account("erste-hr", person)
    for first in (SINCE, TODAY - timedelta(days=2)):
        target = f"/v1/accounts/{account.resource_id}/transactions?bookingStatus=booked&dateFrom={first}"
        body = tpp.read(connection, f"{target}&withBalance=true").get_json()
        opening, closing = (Decimal(balance["balanceAmount"]["amount"]) for balance in body["balances"])
        moved = sum(Decimal(row["transactionAmount"]["amount"]) for row in body["transactions"]["booked"])
        assert opening + moved == closing == statement(account, now=clock.current).booked_balance


def test_quirks_leave_savings_alone() -> None:
    now = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
    for person in ("late", "removed", "corrected"):
        savings = accounts_of("erste-hr", person)[1]
        rows = statement(savings, now=now).booked
        running = statement(savings, now=now).opening_balance
        for row in rows:
            running += row.amount
            assert row.balance_after == running
        assert len(rows) > 100
