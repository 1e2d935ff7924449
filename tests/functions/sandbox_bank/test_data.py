"""Laws of the bank's books."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schwifty import IBAN

from xs2a_bank.banks import BANKS, Bank
from xs2a_bank.data import Account, accounts_of, statement
from xs2a_bank.data.statement import _books, _rows_through
from xs2a_bank.people import PEOPLE, Quirk

NOW = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
BALANCE_QUIRKS = (None, Quirk.LATE, Quirk.REMOVED)
EVERY_ACCOUNT = [a for bank in BANKS for person in PEOPLE for a in accounts_of(bank, person)]
PLAIN_ACCOUNTS = [a for a in EVERY_ACCOUNT if PEOPLE[a.person].quirk is None]
WITH_OWN_AMOUNTS = [a for a in EVERY_ACCOUNT if PEOPLE[a.person].quirk in BALANCE_QUIRKS]
IBAN_LENGTHS = {"HR": 21, "SI": 19, "RS": 22, "BA": 20}

accounts = st.sampled_from(EVERY_ACCOUNT)
plain_accounts = st.sampled_from(PLAIN_ACCOUNTS)
moments = st.datetimes(datetime(2025, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))


@settings(max_examples=25, deadline=None)
@given(accounts, moments)
def test_the_books_are_a_function_of_their_arguments(account: Account, now: datetime) -> None:
    first = statement(account, now=now)
    _books.cache_clear()
    _rows_through.cache_clear()
    assert statement(account, now=now) == first


@settings(max_examples=25, deadline=None)
@given(accounts, moments)
def test_opening_plus_movements_is_closing(account: Account, now: datetime) -> None:
    books = statement(account, now=now)
    closing = books.opening_balance + sum(row.amount for row in books.booked)
    assert books.booked_balance == closing
    held = sum((row.amount for row in books.pending if row.amount < 0), Decimal(0))
    assert books.available_balance == closing + held


@settings(max_examples=25, deadline=None)
@given(plain_accounts, moments)
def test_each_row_has_the_balance_after_it(account: Account, now: datetime) -> None:
    books = statement(account, now=now)
    running = books.opening_balance
    for row in books.booked:
        running += row.amount
        assert row.balance_after == running


@settings(max_examples=25, deadline=None)
@given(plain_accounts, moments)
def test_a_days_rows_lead_from_one_closing_balance_to_the_next(account: Account, now: datetime) -> None:
    day = now.astimezone(BANKS[account.bank].time_zone).date()
    later = statement(account, now=now + timedelta(days=1))
    moved = sum(row.amount for row in later.booked if row.day == day)
    assert statement(account, now=now).booked_balance + moved == later.booked_balance


@settings(max_examples=25, deadline=None)
@given(plain_accounts, moments, st.integers(1, 200))
def test_the_past_never_changes_and_pending_rows_are_booked_as_they_were(
    account: Account, now: datetime, days: int
) -> None:
    early = statement(account, now=now)
    late = statement(account, now=now + timedelta(days=days))
    known = early.booked + early.pending
    assert late.booked[: len(known)] == known


@settings(max_examples=25, deadline=None)
@given(plain_accounts, moments)
def test_rows_are_in_order_and_their_identities_are_unique(account: Account, now: datetime) -> None:
    rows = statement(account, now=now).booked
    assert all(before.row_key < after.row_key for before, after in pairwise(rows))
    assert all(before.serial_number < after.serial_number for before, after in pairwise(rows))
    for identity in ("entry_reference", "transaction_id"):
        assert len({getattr(row, identity) for row in rows}) == len(rows)
    assert all(len(row.entry_reference) <= 35 for row in rows)


@pytest.mark.parametrize("account", WITH_OWN_AMOUNTS, ids=lambda a: f"{a.bank}-{a.person}-{a.slug}")
def test_amounts_and_balances_are_lifelike(account: Account) -> None:
    books = statement(account, now=NOW)
    unit = {"EUR": 1, "BAM": 2, "RSD": 118}[account.currency]
    assert all(row.amount != 0 for row in books.booked)
    assert all(abs(row.amount) < 5_000 * unit for row in books.booked)
    assert all(0 <= row.balance_after < 40_000 * unit for row in books.booked)


@pytest.mark.parametrize("bank", BANKS.values(), ids=lambda bank: bank.id)
def test_ibans_are_valid_and_of_the_country(bank: Bank) -> None:
    for account in accounts_of(bank.id, "ana"):
        own = IBAN(account.iban, validate_bban=True)
        assert (own.country_code, len(own)) == (bank.country, IBAN_LENGTHS[bank.country])
        for row in statement(account, now=NOW).booked:
            if row.counterparty and row.counterparty.iban:
                other = IBAN(row.counterparty.iban)
                assert account.slug == "foreign" or other.country_code == bank.country


@pytest.mark.parametrize("bank", BANKS)
def test_two_years_hold_hundreds_of_rows_with_the_letters_of_the_country(bank: str) -> None:
    account = accounts_of(bank, "ana")[0]
    rows = [row for row in statement(account, now=NOW).booked if row.day >= date(2024, 11, 24)]
    assert 500 < len(rows) < 2_500
    assert {"card", "transfer", "bill", "salary", "cash", "fee"} == {row.kind for row in rows}
    letters = "".join(row.remittance + (row.counterparty.name if row.counterparty else "") for row in rows)
    assert set("čćžš" if bank != "nlb-si" else "čžš") <= set(letters.lower())


def test_ibans_differ_between_all_accounts() -> None:
    assert len({account.iban for account in EVERY_ACCOUNT}) == len(EVERY_ACCOUNT)


@pytest.mark.parametrize("bank", BANKS)
def test_money_put_aside_arrives_in_savings(bank: str) -> None:
    current, savings = accounts_of(bank, "ana")[:2]
    sent = [
        (row.day, -row.amount, row.remittance)
        for row in statement(current, now=NOW).booked
        if row.counterparty and row.counterparty.iban == savings.iban
    ]
    arrived = [
        (row.day, row.amount, row.remittance)
        for row in statement(savings, now=NOW).booked
        if row.kind == "transfer"
    ]
    assert sent == arrived
    assert len(sent) > 100


@pytest.mark.parametrize(("bank", "person"), [("nlb-si", "ana"), ("erste-hr", "twins")])
def test_genuine_twins_happen(bank: str, person: str) -> None:
    rows = statement(accounts_of(bank, person)[0], now=NOW).booked
    twins = [
        after
        for before, after in pairwise(rows)
        if (before.day, before.amount, before.counterparty, before.remittance)
        == (after.day, after.amount, after.counterparty, after.remittance)
    ]
    assert len(twins) >= 10


def test_empty_has_no_rows() -> None:
    (account,) = accounts_of("erste-hr", "empty")
    books = statement(account, now=NOW)
    assert (books.booked, books.pending, books.booked_balance) == ((), (), Decimal(0))


def test_a_row_is_pending_on_the_banks_local_day_only() -> None:
    account = accounts_of("erste-hr", "ana")[0]
    before_midnight = datetime(2026, 11, 24, 22, 59, tzinfo=UTC)
    pending = statement(account, now=before_midnight).pending
    assert pending
    assert {row.day for row in pending} == {date(2026, 11, 24)}
    after_midnight = statement(account, now=before_midnight + timedelta(minutes=2))
    assert after_midnight.booked[-len(pending) :] == pending
    assert {row.day for row in after_midnight.pending} == {date(2026, 11, 25)}


@pytest.mark.parametrize("person", ["ana", "marko"])
@pytest.mark.parametrize("bank", BANKS)
def test_every_account_has_hundreds_of_transactions_in_two_years(bank: str, person: str) -> None:
    since = (NOW - timedelta(days=730)).date()
    counts = {
        account.slug: sum(row.day >= since for row in statement(account, now=NOW).booked)
        for account in accounts_of(bank, person)
    }
    assert min(counts.values()) >= 200, counts
