from __future__ import annotations

import itertools
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.functions.sandbox_bank.conftest import NOON, MovableClock
from tests.functions.sandbox_bank.tpp import BASE_URL, Connection, Tpp
from xs2a_bank.data import Account, Movement, accounts_of, statement

XS2A_BANKS = ("erste-hr", "nlb-si", "intesa-rs")
TODAY = NOON.date()
TWO_YEARS_AGO = TODAY - timedelta(days=730)


def refusal(reply: TestResponse) -> tuple[int, str]:
    return reply.status_code, str(reply.get_json()["tppMessages"][0]["code"])


def target(account: Account, **query: str) -> str:
    given = {"bookingStatus": "booked", "dateFrom": TWO_YEARS_AGO.isoformat(), **query}
    joined = "&".join(f"{name}={value}" for name, value in given.items() if value)
    return f"/v1/accounts/{account.resource_id}/transactions?{joined}"


def read_all(tpp: Tpp, connection: Connection, first: str, *, attended: bool = True) -> list[dict[str, Any]]:
    """Every booked row, following the links to the end."""
    rows: list[dict[str, Any]] = []
    following: str | None = first
    while following:
        reply = tpp.read(connection, following, attended=attended)
        assert reply.status_code == 200, reply.text
        report = reply.get_json()["transactions"]
        assert len(report["booked"]) <= 100
        rows += report["booked"]
        link = report["_links"].get("next")
        following = link and link["href"].removeprefix(BASE_URL).removeprefix(f"/{connection.bank}")
    return rows


def expected_rows(account: Account, *, since: date) -> list[Movement]:
    return [row for row in reversed(statement(account, now=NOON).booked) if row.day >= since]


@pytest.mark.parametrize("bank", XS2A_BANKS)
def test_the_whole_history_is_there_newest_first(tpp: Tpp, bank: str) -> None:
    connection = tpp.connect(bank)
    account = accounts_of(bank, "ana")[0]
    rows = read_all(tpp, connection, target(account))
    expected = expected_rows(account, since=TWO_YEARS_AGO)
    assert len(rows) == len(expected) > 500
    for shown, row in zip(rows, expected, strict=True):
        assert shown["bookingDate"] == row.day.isoformat()
        assert shown["valueDate"] >= shown["bookingDate"]
        assert abs(Decimal(shown["transactionAmount"]["amount"])) == abs(row.amount)
        assert shown["transactionAmount"]["currency"] == account.currency


def test_erste_gives_every_identity_and_signs(tpp: Tpp) -> None:
    connection = tpp.connect("erste-hr")
    account = accounts_of("erste-hr", "ana")[0]
    rows = read_all(tpp, connection, target(account))
    for shown, row in zip(rows, expected_rows(account, since=TWO_YEARS_AGO), strict=True):
        assert shown["transactionId"] == row.transaction_id
        assert shown["entryReference"] == row.entry_reference
        assert Decimal(shown["transactionAmount"]["amount"]) == row.amount
        assert shown["remittanceInformationUnstructured"].startswith(row.remittance)
        assert not (row.amount < 0 and "debtorName" in shown)
        assert not (row.amount > 0 and "creditorName" in shown)


def test_nlb_gives_no_identity_no_sign_and_arrays(tpp: Tpp) -> None:
    connection = tpp.connect("nlb-si")
    account = accounts_of("nlb-si", "ana")[0]
    rows = read_all(tpp, connection, target(account))
    for shown, row in zip(rows, expected_rows(account, since=TWO_YEARS_AGO), strict=True):
        assert not {"transactionId", "entryReference", "endToEndId", "balanceAfterTransaction"} & set(shown)
        assert Decimal(shown["transactionAmount"]["amount"]) == abs(row.amount)
        assert shown["remittanceInformationUnstructuredArray"][0] == row.remittance
        assert ("creditorName" in shown, "debtorName" in shown) == (row.amount < 0, row.amount > 0)
    assert len({str(shown) for shown in rows}) < len(rows)


def test_intesa_gives_entry_references_and_running_balances(tpp: Tpp) -> None:
    connection = tpp.connect("intesa-rs")
    account = accounts_of("intesa-rs", "ana")[0]
    rows = read_all(tpp, connection, target(account))
    for shown, row in zip(rows, expected_rows(account, since=TWO_YEARS_AGO), strict=True):
        assert "transactionId" not in shown
        assert shown["entryReference"] == row.entry_reference
        balance = shown["balanceAfterTransaction"]["balanceAmount"]
        assert Decimal(balance["amount"]) == row.balance_after
    for newer, older in itertools.pairwise(rows):
        after = Decimal(newer["balanceAfterTransaction"]["balanceAmount"]["amount"])
        before = Decimal(older["balanceAfterTransaction"]["balanceAmount"]["amount"])
        assert after - before == Decimal(newer["transactionAmount"]["amount"])


@pytest.mark.parametrize("bank", XS2A_BANKS)
def test_links_are_absolute_or_relative(tpp: Tpp, bank: str) -> None:
    connection = tpp.connect(bank)
    report = tpp.read(connection, target(accounts_of(bank, "ana")[0])).get_json()["transactions"]
    base = "" if bank == "intesa-rs" else BASE_URL
    for link in (report["_links"]["account"], report["_links"]["next"]):
        assert link["href"].startswith(f"{base}/{bank}/v1/accounts/")


@pytest.mark.parametrize("bank", XS2A_BANKS)
def test_todays_rows_are_pending_and_booked_tomorrow(tpp: Tpp, clock: MovableClock, bank: str) -> None:
    connection = tpp.connect(bank)
    account = accounts_of(bank, "ana")[0]
    report = tpp.read(connection, target(account, bookingStatus="pending")).get_json()["transactions"]
    pending = report["pending"]
    assert pending
    assert "booked" not in report
    both = tpp.read(connection, target(account, bookingStatus="both")).get_json()["transactions"]
    assert both["pending"] == pending
    assert all("bookingDate" not in row for row in pending)
    assert all(("valueDate" in row) == (bank != "nlb-si") for row in pending)
    clock.move(days=1)
    tokens = tpp.refresh(bank, connection.refresh_token).get_json()
    later = Connection(
        bank=bank,
        consent_id=connection.consent_id,
        access_token=tokens["access_token"],
        refresh_token=tokens["refresh_token"],
    )
    day = TODAY.isoformat()
    booked = read_all(tpp, later, target(account, dateFrom=day, dateTo=day))
    for identity in ("transactionId", "entryReference"):
        assert [row.get(identity) for row in booked] == [row.get(identity) for row in pending]
    assert [row["transactionAmount"] for row in booked] == [row["transactionAmount"] for row in pending]


def test_paging_continues_after_a_row_whatever_is_booked_meanwhile(tpp: Tpp, clock: MovableClock) -> None:
    clock.current = NOON.replace(hour=22, minute=55)
    connection = tpp.connect("erste-hr")
    account = accounts_of("erste-hr", "ana")[0]
    first = tpp.read(connection, target(account)).get_json()["transactions"]
    clock.move(minutes=8)
    following = first["_links"]["next"]["href"].removeprefix(f"{BASE_URL}/erste-hr")
    rows = first["booked"] + read_all(tpp, connection, following)
    ids = [row["transactionId"] for row in rows]
    assert ids == [row.transaction_id for row in expected_rows(account, since=TWO_YEARS_AGO)]


def test_paging_counts_as_one_unattended_read(tpp: Tpp) -> None:
    connection = tpp.connect("erste-hr")
    account = accounts_of("erste-hr", "ana")[0]
    since = (TODAY - timedelta(days=150)).isoformat()
    for _ in range(4):
        assert len(read_all(tpp, connection, target(account, dateFrom=since), attended=False)) > 100
    assert refusal(tpp.read(connection, target(account), attended=False)) == (429, "ACCESS_EXCEEDED")


def test_both_ends_of_the_period_are_included(tpp: Tpp) -> None:
    connection = tpp.connect("erste-hr")
    account = accounts_of("erste-hr", "ana")[0]
    rows = read_all(tpp, connection, target(account, dateFrom="2026-10-05", dateTo="2026-10-07"))
    assert {row["bookingDate"] for row in rows} == {"2026-10-05", "2026-10-06", "2026-10-07"}


@pytest.mark.parametrize("period", [("2026-10-01", "2026-10-31"), ("2026-11-24", ""), ("2026-11-01", "")])
def test_a_periods_balances_enclose_its_movements(tpp: Tpp, period: tuple[str, str]) -> None:
    connection = tpp.connect("erste-hr")
    account = accounts_of("erste-hr", "ana")[0]
    first = target(account, dateFrom=period[0], dateTo=period[1], withBalance="true")
    opening, closing = tpp.read(connection, first).get_json()["balances"]
    assert (opening["balanceType"], closing["balanceType"]) == ("openingBooked", "closingBooked")
    moved = sum(Decimal(row["transactionAmount"]["amount"]) for row in read_all(tpp, connection, first))
    assert Decimal(opening["balanceAmount"]["amount"]) + moved == Decimal(closing["balanceAmount"]["amount"])


def test_history_reaches_two_years_after_sca_and_ninety_days_later(tpp: Tpp, clock: MovableClock) -> None:
    connection = tpp.connect("erste-hr")
    account = accounts_of("erste-hr", "ana")[0]
    clock.move(minutes=9)
    assert tpp.read(connection, target(account)).status_code == 200
    too_far = (TODAY - timedelta(days=732)).isoformat()
    assert refusal(tpp.read(connection, target(account, dateFrom=too_far))) == (400, "PERIOD_INVALID")
    clock.move(minutes=7)
    tokens = tpp.refresh("erste-hr", connection.refresh_token).get_json()
    later = Connection(
        bank="erste-hr",
        consent_id=connection.consent_id,
        access_token=tokens["access_token"],
        refresh_token=tokens["refresh_token"],
    )
    ninety = TODAY - timedelta(days=90)
    assert tpp.read(later, target(account, dateFrom=ninety.isoformat())).status_code == 200
    beyond = (ninety - timedelta(days=1)).isoformat()
    assert refusal(tpp.read(later, target(account, dateFrom=beyond))) == (400, "PERIOD_INVALID")
    old = expected_rows(account, since=TWO_YEARS_AGO)[-1].transaction_id
    reply = tpp.read(later, f"/v1/accounts/{account.resource_id}/transactions/{old}")
    assert refusal(reply) == (400, "PERIOD_INVALID")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"bookingStatus": ""}, "FORMAT_ERROR"),
        ({"bookingStatus": "BOOKED"}, "FORMAT_ERROR"),
        ({"bookingStatus": "information"}, "PARAMETER_NOT_SUPPORTED"),
        ({"bookingStatus": "all"}, "PARAMETER_NOT_SUPPORTED"),
        ({"deltaList": "true"}, "PARAMETER_NOT_SUPPORTED"),
        ({"entryReferenceFrom": "1"}, "PARAMETER_NOT_SUPPORTED"),
        ({"dateFrom": ""}, "FORMAT_ERROR"),
        ({"dateFrom": "2026-02-30"}, "FORMAT_ERROR"),
        ({"dateFrom": "20261101"}, "FORMAT_ERROR"),
        ({"dateTo": "tomorrow"}, "FORMAT_ERROR"),
        ({"dateFrom": "2026-11-02", "dateTo": "2026-11-01"}, "PERIOD_INVALID"),
        ({"withBalance": "1"}, "FORMAT_ERROR"),
        ({"before": "x"}, "FORMAT_ERROR"),
        ({"dateTo": "2026-11-01&dateTo=2026-11-02"}, "FORMAT_ERROR"),
    ],
)
def test_wrong_parameters(tpp: Tpp, query: dict[str, str], code: str) -> None:
    connection = tpp.connect("erste-hr")
    account = accounts_of("erste-hr", "ana")[0]
    assert refusal(tpp.read(connection, target(account, **query))) == (400, code)


def test_one_transaction(tpp: Tpp) -> None:
    connection = tpp.connect("erste-hr")
    account = accounts_of("erste-hr", "ana")[0]
    listed = tpp.read(connection, target(account)).get_json()["transactions"]["booked"][3]
    path = f"/v1/accounts/{account.resource_id}/transactions"
    one = tpp.read(connection, f"{path}/{listed['transactionId']}").get_json()
    assert one["transactionsDetails"]["transactionDetails"] == listed
    assert refusal(tpp.read(connection, f"{path}/unknown")) == (404, "RESOURCE_UNKNOWN")


def test_an_account_without_transactions(tpp: Tpp) -> None:
    connection = tpp.connect("erste-hr", person="empty")
    (account,) = accounts_of("erste-hr", "empty")
    report = tpp.read(connection, target(account, bookingStatus="both")).get_json()["transactions"]
    assert (report["booked"], report["pending"]) == ([], [])
    assert "next" not in report["_links"]
