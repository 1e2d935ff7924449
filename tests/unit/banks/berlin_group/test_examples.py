"""The standard's own example bodies (CC BY 4.0, The Berlin Group), where they stand beside the checkout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from shared.banks.berlin_group.accounts import accounts, balances
from shared.banks.berlin_group.connector import BerlinGroupConnector
from shared.domain.bank_data import BookingStatus
from shared.domain.errors import BankUnavailable
from tests.unit.banks.scripted_bank import ACCESS, ACCOUNT, NOW, PROFILE, FixedClock, json_answer, setup_of

EXAMPLES = Path(__file__).parents[5] / "shared" / "berlin-group" / "examples"

pytestmark = pytest.mark.skipif(
    not EXAMPLES.is_dir(), reason=f"the Berlin Group's examples are not at {EXAMPLES}"
)


def example(name: str) -> Any:
    return json.loads((EXAMPLES / f"{name}.json").read_text())


def report(name: str, status: BookingStatus, **rules: Any) -> list[tuple[str, str, str]]:
    transport = httpx.MockTransport(json_answer(example(name)))
    connector = BerlinGroupConnector(setup_of(**rules), clock=FixedClock(), transport=transport)
    page = connector.transactions_page(ACCESS, ACCOUNT, status=status, date_from=NOW.date())
    return [(found.direction, str(found.amount), found.currency) for found in page.transactions]


def test_example_1_leaves_the_minus_off_and_writes_it_too() -> None:
    name = "transactionsExample1_RegularAccount_json"
    assert report(name, "booked", sign_rule="unsigned") == [
        ("outbound", "256.67", "EUR"),
        ("inbound", "343.01", "EUR"),
    ]
    assert report(name, "pending", sign_rule="unsigned") == [("outbound", "100.03", "EUR")]
    assert report(name, "booked", sign_rule="signed")[0][0] == "inbound"


def test_example_3_is_signed_and_in_two_currencies() -> None:
    name = "transactionsExample3_MulticurrencyAccount_json"
    assert report(name, "booked") == [
        ("outbound", "256.67", "EUR"),
        ("inbound", "343.01", "EUR"),
        ("inbound", "100", "USD"),
    ]
    assert report(name, "booked") == report(name, "booked", sign_rule="unsigned")


def test_example_2_is_a_file() -> None:
    with pytest.raises(BankUnavailable, match="file"):
        report("transactionsExample2_Download_json", "booked")


@pytest.mark.parametrize(
    ("name", "currencies"),
    [
        ("accountListExample1", ["EUR", "USD"]),
        ("accountListExample2", ["EUR", "USD"]),
        ("accountListExample3", ["EUR", "USD"]),
    ],
)
def test_accounts(name: str, currencies: list[str]) -> None:
    found = accounts(example(name), profile=PROFILE)
    assert [account.currency for account in found] == currencies
    assert all(account.iban and account.type == "current" and account.name for account in found)


@pytest.mark.parametrize(
    ("name", "amounts"),
    [
        ("balancesExample1_RegularAccount", ["500.00", "900.00"]),
        ("balancesExample2_MulticurrencyAccount", ["500.00", "900.00", "350.00", "350.00"]),
        ("balancesExample3_RegularAccount", ["1000.00", "300.00"]),
        ("balancesExample_CardAccount", ["14355.78"]),
    ],
)
def test_balances(name: str, amounts: list[str]) -> None:
    found = balances(example(name), profile=PROFILE)
    assert [str(balance.amount) for balance in found] == amounts
    assert msgspec.json.encode(found)


@pytest.mark.parametrize("name", ["consentResponseExample2_OAuth2"])
def test_the_oauth_consent_leads_to_the_banks_own_server_only(name: str) -> None:
    """Its link is on www.testbank.com, which is not this bank."""
    transport = httpx.MockTransport(json_answer(example(name), 201))
    connector = BerlinGroupConnector(setup_of(), clock=FixedClock(), transport=transport)
    with pytest.raises(BankUnavailable, match="foreign host"):
        connector.start_consent(
            redirect_uri="https://tok.example/v1/callback",
            state="s",
            code_challenge="c",
            valid_until=NOW.date(),
            psu_ip_address="203.0.113.7",
        )
