from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.banks.berlin_group.accounts import accounts, balances
from shared.domain.bank_data import BankAccount, BankBalance
from shared.domain.errors import BankUnavailable
from tests.unit.banks.scripted_bank import PROFILE

IBAN = "HR1210010051863000160"


def read_accounts(*entries: Any) -> tuple[BankAccount, ...]:
    return accounts({"accounts": list(entries)}, profile=PROFILE)


def read_balances(*entries: Any) -> tuple[BankBalance, ...]:
    return balances({"balances": list(entries)}, profile=PROFILE)


def balance(kind: str, amount: str, **fields: Any) -> dict[str, Any]:
    return {"balanceType": kind, "balanceAmount": {"currency": "EUR", "amount": amount}, **fields}


def test_an_account() -> None:
    (found,) = read_accounts(
        {
            "resourceId": "r-1",
            "iban": "HR12 1001 0051 8630 0016 0",
            "currency": "EUR",
            "product": "Tekući račun",
            "cashAccountType": "CACC",
            "ownerName": " Ana  Horvat ",
        }
    )
    assert found == BankAccount(
        resource_id="r-1",
        iban=IBAN,
        masked_identity=None,
        currency="EUR",
        name="Tekući račun",
        owner_name="Ana Horvat",
        type="current",
    )


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("CACC", "current"),
        ("TRAN", "current"),
        ("svgs", "savings"),
        ("CARD", "card"),
        ("LOAN", "loan"),
        ("ODFT", "other"),
        (None, "other"),
    ],
)
def test_account_types(told: str | None, kept: str) -> None:
    (found,) = read_accounts({"resourceId": "r", "currency": "EUR", "cashAccountType": told})
    assert found.type == kept


def test_an_account_without_an_iban_has_another_identity() -> None:
    (card,) = read_accounts({"resourceId": "r", "maskedPan": "525412******3241", "currency": "EUR"})
    assert (card.iban, card.masked_identity) == (None, "525412******3241")


def test_several_owners() -> None:
    owners = [{"name": "Ana Horvat"}, {"name": "Marko Horvat"}, {"role": "x"}, "y"]
    (found,) = read_accounts({"resourceId": "r", "currency": "EUR", "ownerNames": owners})
    assert found.owner_name == "Ana Horvat, Marko Horvat"


def test_a_closed_account_is_left_out_and_a_blocked_one_is_not() -> None:
    found = read_accounts(
        {"resourceId": "gone", "currency": "EUR", "status": "deleted"},
        {"resourceId": "blocked", "currency": "EUR", "status": "blocked"},
    )
    assert [account.resource_id for account in found] == ["blocked"]


def test_11_the_aggregate_of_a_multicurrency_account_gives_way_to_its_parts() -> None:
    parts = read_accounts(
        {"resourceId": "all", "iban": IBAN, "currency": "XXX"},
        {"resourceId": "eur", "iban": IBAN, "currency": "EUR"},
        {"resourceId": "usd", "iban": IBAN, "currency": "USD"},
    )
    assert [account.resource_id for account in parts] == ["eur", "usd"]
    (alone,) = read_accounts({"resourceId": "all", "iban": IBAN, "currency": "XXX"})
    assert alone.currency == "XXX"


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"accounts": None},
        {"accounts": {}},
        {"accounts": ["x"]},
        {"accounts": [{"currency": "EUR"}]},
        {"accounts": [{"resourceId": "r"}]},
    ],
)
def test_accounts_that_make_no_sense(body: Any) -> None:
    with pytest.raises(BankUnavailable):
        accounts(body, profile=PROFILE)


def test_balances_are_signed_and_dated() -> None:
    booked, available = read_balances(
        balance("closingBooked", "-500.00", referenceDate="2026-10-25"),
        balance(
            "interimAvailable", "900.00", lastChangeDateTime="2026-10-25T15:30:35", referenceDate="2026-10-25"
        ),
    )
    assert (booked.amount, booked.as_of) == (Decimal("-500.00"), date(2026, 10, 25))
    assert available.as_of == datetime(2026, 10, 25, 14, 30, 35, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("closingBooked", "closingBooked"),
        ("ClosingBooked", "closingBooked"),
        ("CLBD", "closingBooked"),
        ("authorised", "expected"),
        ("ITAV", "interimAvailable"),
    ],
)
def test_balance_types_have_several_spellings(told: str, kept: str) -> None:
    assert read_balances(balance(told, "1.00"))[0].type == kept


def test_what_is_no_balance_is_left_out() -> None:
    assert (
        read_balances({"debitAccounting": True}, balance("nonInvoiced", "4175.86"), balance("inHouse", "1"))
        == ()
    )


@pytest.mark.parametrize("truth", [True, "true", "TRUE"])
def test_12_a_balance_with_the_credit_limit_gives_way_to_one_without(truth: Any) -> None:
    with_limit = balance("interimAvailable", "5300.00", creditLimitIncluded=truth)
    (pure,) = read_balances(with_limit, balance("interimAvailable", "300.00", creditLimitIncluded="false"))
    assert (pure.amount, pure.credit_limit_included) == (Decimal("300.00"), False)
    (alone,) = read_balances(with_limit)
    assert alone.credit_limit_included


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"balances": 5},
        {"balances": [5]},
        {"balances": [{"balanceType": "expected"}]},
        {"balances": [balance("expected", "1,5")]},
    ],
)
def test_balances_that_make_no_sense(body: Any) -> None:
    with pytest.raises(BankUnavailable):
        balances(body, profile=PROFILE)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
ACCOUNTS = st.fixed_dictionaries(
    {"resourceId": st.text() | JSON, "currency": st.sampled_from(["EUR", "XXX"]) | JSON},
    optional=dict.fromkeys(
        ("iban", "maskedPan", "name", "ownerName", "ownerNames", "status", "cashAccountType"), JSON
    ),
)
BALANCES = st.fixed_dictionaries(
    {"balanceType": st.sampled_from(["expected", "closingBooked"]) | JSON},
    optional={
        "balanceAmount": st.fixed_dictionaries(
            {"amount": st.sampled_from(["1.00", "-2"]) | JSON, "currency": st.just("EUR")}
        )
        | JSON,
        "referenceDate": st.dates().map(str) | JSON,
        "lastChangeDateTime": st.datetimes().map(str) | JSON,
        "creditLimitIncluded": JSON,
    },
)


@settings(max_examples=80, deadline=None)
@given(
    body=st.fixed_dictionaries({"accounts": st.lists(ACCOUNTS | JSON), "balances": st.lists(BALANCES | JSON)})
    | JSON
)
def test_whatever_comes_it_is_read_or_the_banks_failure(body: Any) -> None:
    for read in (accounts, balances):
        try:
            assert msgspec.json.encode(read(body, profile=PROFILE))
        except BankUnavailable:
            continue
