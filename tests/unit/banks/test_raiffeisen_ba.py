"""The bilateral base, at the one bank that is built on it."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.banks import raiffeisen_ba, values
from shared.banks.connector import BankConnector
from shared.domain.errors import (
    BankAccessLost,
    BankConfigurationError,
    BankError,
    BankRateLimited,
    BankRefused,
    BankTokenExpired,
    BankUnavailable,
)
from tests.unit.banks.scripted_bank import (
    ACCESS,
    ACCOUNT,
    METADATA,
    METADATA_PATH,
    FixedClock,
    ScriptedBank,
    json_answer,
    setup_of,
)

API = "/psd2/api/v2"
OWN = msgspec.structs.replace(ACCOUNT, resource_id="BA391290079401028494", iban="BA391290079401028494")
ENTRIES = f"{API}/accounts/BA391290079401028494/entries"
MANDATE = {
    "mandateNo": "M-1",
    "state": "NEW",
    "validTo": "22.02.2027",
    "authorizationServer": f"https://bank.example{METADATA_PATH}",
}
ITEM = {
    "accountNo": "BA391290079401028494",
    "ccy": "BAM",
    "holder": "Ime Prezime",
    "product": "Tekući račun",
    "balances": {"booked": "1.234,56", "available": "-1.134,56", "at": "2026-07-24 10:15:00"},
}
ENTRY = {
    "no": 12345,
    "date": "24.11.2026",
    "valueDate": "25.11.2026",
    "type": "D",
    "amount": "1.234,56",
    "ccy": "BAM",
    "partner": {"name": "Najmodavac", "account": "BA391990440001200279"},
    "purpose": "Kirija",
    "reference": "77-1234",
    "state": "BOOKED",
}


def connector_at(answers: dict[tuple[str, str], Any]) -> tuple[ScriptedBank, BankConnector]:
    bank = ScriptedBank({("GET", METADATA_PATH): json_answer(METADATA), **answers})
    setup = setup_of(raiffeisen_ba.PROFILE)
    return bank, raiffeisen_ba.connector(setup, clock=FixedClock(), transport=bank)


def read(body: Any, **options: Any) -> Any:
    _, connector = connector_at({("GET", ENTRIES): json_answer(body)})
    return connector.transactions_page(
        ACCESS, OWN, **{"status": "booked", "date_from": date(2026, 11, 1), **options}
    )


def page(*entries: Any, pages: Any = 1) -> dict[str, Any]:
    return {"page": 1, "pages": pages, "total": len(entries), "entries": list(entries)}


def test_a_mandate() -> None:
    bank, connector = connector_at({("POST", f"{API}/mandates"): json_answer(MANDATE, 201)})
    started = connector.start_consent(
        redirect_uri="https://tok.example/v1/callback",
        state="the-state",
        code_challenge="the-challenge",
        valid_until=date(2027, 2, 22),
        psu_ip_address="203.0.113.7",
    )
    assert (started.bank_consent_id, started.valid_until) == ("M-1", date(2027, 2, 22))
    assert "scope=mandate%3AM-1" in started.authorise_url
    request = bank.requests[0]
    assert request.headers["authorization"].startswith("Basic ")
    assert json.loads(request.content) == {
        "purpose": "account-information",
        "validTo": "22.02.2027",
        "returnUrl": "https://tok.example/v1/callback",
    }


@pytest.mark.parametrize(
    "mandate",
    [
        None,
        [],
        {},
        {**MANDATE, "state": "?"},
        {**MANDATE, "mandateNo": ""},
        {**MANDATE, "authorizationServer": "https://x.example/"},
    ],
)
def test_a_mandate_that_makes_no_sense(mandate: Any) -> None:
    _, connector = connector_at({("POST", f"{API}/mandates"): json_answer(mandate, 201)})
    with pytest.raises(BankUnavailable):
        connector.start_consent(
            redirect_uri="https://tok.example/v1/callback",
            state="s",
            code_challenge="c",
            valid_until=date(2027, 2, 22),
            psu_ip_address="203.0.113.7",
        )


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ("NEW", "pending"),
        ("ACTIVE", "valid"),
        ("REFUSED", "rejected"),
        ("CANCELLED", "revoked"),
        ("LAPSED", "expired"),
    ],
)
def test_mandate_states(told: str, state: str) -> None:
    body = {"mandateNo": "M-1", "state": told, "validTo": "22.02.2027"}
    _, connector = connector_at({("GET", f"{API}/mandates/M-1"): json_answer(body)})
    assert connector.consent_state(bank_consent_id="M-1") == state


def test_a_mandate_that_is_gone_is_revoked() -> None:
    body = {"errorCode": "MANDATE_UNKNOWN", "errorText": "…"}
    _, connector = connector_at(
        {
            ("GET", f"{API}/mandates/M-1"): json_answer(body, 404),
            ("DELETE", f"{API}/mandates/M-1"): json_answer(body, 404),
        }
    )
    assert connector.consent_state(bank_consent_id="M-1") == "revoked"
    connector.revoke(bank_consent_id="M-1")


def test_accounts_and_their_balances() -> None:
    bank, connector = connector_at({("GET", f"{API}/accounts"): json_answer({"items": [ITEM]})})
    (account,) = connector.accounts(ACCESS)
    assert (account.iban, account.currency, account.type) == ("BA391290079401028494", "BAM", "current")
    booked, available = connector.balances(ACCESS, account)
    assert (str(booked.amount), booked.type) == ("1234.56", "interimBooked")
    assert (str(available.amount), available.type) == ("-1134.56", "interimAvailable")
    assert booked.as_of is not None
    assert booked.as_of.isoformat() == "2026-07-24T08:15:00+00:00"
    assert bank.requests[0].headers["x-mandate-no"] == "consent-1"
    assert "psu-ip-address" not in bank.requests[0].headers


def test_balances_of_an_account_that_is_no_longer_listed() -> None:
    _, connector = connector_at({("GET", f"{API}/accounts"): json_answer({"items": []})})
    with pytest.raises(BankUnavailable):
        connector.balances(ACCESS, OWN)


def test_an_attended_read_says_so() -> None:
    bank, connector = connector_at({("GET", f"{API}/accounts"): json_answer({"items": []})})
    connector.accounts(msgspec.structs.replace(ACCESS, psu_ip_address="203.0.113.7"))
    assert bank.requests[0].headers["psu-ip-address"] == "203.0.113.7"


def test_entries_are_asked_for_in_the_banks_own_way() -> None:
    bank, connector = connector_at({("GET", ENTRIES): json_answer(page(pages=3))})
    found = connector.transactions_page(ACCESS, OWN, status="booked", date_from=date(2026, 11, 1), page="2")
    assert found.next_page == "3"
    assert dict(bank.requests[0].url.params) == {
        "from": "01.11.2026",
        "to": "24.11.2026",
        "page": "2",
        "size": "100",
    }
    connector.transactions_page(
        ACCESS, OWN, status="pending", date_from=date(2026, 11, 1), date_to=date(2026, 11, 20)
    )
    assert bank.requests[1].url.params["state"] == "RESERVED"
    assert bank.requests[1].url.params["to"] == "20.11.2026"


def test_a_debit_and_a_credit() -> None:
    debit, credit = read(page(ENTRY, {**ENTRY, "type": "P"})).transactions
    assert (debit.direction, debit.creditor_name, debit.debtor_iban) == ("outbound", "Najmodavac", OWN.iban)
    assert (credit.direction, credit.debtor_name, credit.creditor_iban) == ("inbound", "Najmodavac", OWN.iban)
    assert (str(debit.amount), debit.external_id) == ("1234.56", "12345")
    assert (debit.booking_date, debit.value_date) == (date(2026, 11, 24), date(2026, 11, 25))
    assert debit.remittance_info == "Kirija 77-1234"


def test_a_reserved_entry_has_no_number() -> None:
    (found,) = read(page({**ENTRY, "no": None, "state": "RESERVED"}), status="pending").transactions
    assert (found.status, found.external_id) == ("pending", None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "X"},
        {"type": ["D"]},
        {"amount": "1234.56"},
        {"amount": None},
        {"ccy": ""},
        {"date": "2026-11-24"},
        {"state": "RESERVED"},
    ],
)
def test_an_entry_that_makes_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(BankUnavailable):
        read(page({**ENTRY, **wrong}))


@pytest.mark.parametrize(
    "body", [None, [], {}, page(pages="many"), page(pages=True), page("x"), {"pages": 1, "entries": {}}]
)
def test_entries_that_make_no_sense(body: Any) -> None:
    with pytest.raises(BankUnavailable):
        read(body)


@pytest.mark.parametrize(
    ("status", "code", "error", "reason"),
    [
        (403, "MANDATE_LAPSED", BankAccessLost, "expired"),
        (403, "MANDATE_CANCELLED", BankAccessLost, "revoked"),
        (404, "MANDATE_UNKNOWN", BankAccessLost, "refused"),
        (401, "TOKEN_EXPIRED", BankTokenExpired, None),
        (401, "TOKEN_INVALID", BankAccessLost, "refused"),
        (401, "PARTNER_UNKNOWN", BankConfigurationError, None),
        (401, "OF_ITS_OWN", BankTokenExpired, None),
        (429, "LIMIT_EXCEEDED", BankRateLimited, None),
        (400, "BAD_REQUEST", BankRefused, None),
        (404, "NOT_FOUND", BankRefused, None),
        (503, "UNAVAILABLE", BankUnavailable, None),
    ],
)
def test_refusals(status: int, code: str, error: type[BankError], reason: str | None) -> None:
    answers = {
        ("GET", f"{API}/accounts"): json_answer({"errorCode": code, "errorText": "Ime Prezime"}, status)
    }
    with pytest.raises(error) as raised:
        connector_at(answers)[1].accounts(ACCESS)
    assert type(raised.value) is error
    assert getattr(raised.value, "reason", None) == reason
    assert "Prezime" not in str(raised.value)


def test_a_401_on_a_mandate_is_about_us() -> None:
    answers = {("GET", f"{API}/mandates/M-1"): json_answer({"errorCode": "OF_ITS_OWN"}, 401)}
    with pytest.raises(BankConfigurationError):
        connector_at(answers)[1].consent_state(bank_consent_id="M-1")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(sorted(ENTRY)), JSON, max_size=3), body=st.none() | JSON)
def test_whatever_comes_it_is_read_or_the_banks_failure(changes: dict[str, Any], body: Any) -> None:
    answer = page({**ENTRY, **changes}) if body is None else body
    before = repr(answer)
    try:
        with values.sensible("raiffeisen-ba"):
            found = raiffeisen_ba.RaiffeisenBa().entries(answer, OWN, status="booked", page=1)
    except BankUnavailable:
        found = None
    assert repr(answer) == before
    if found is not None:
        assert all(transaction.amount >= 0 for transaction in found.transactions)
        assert msgspec.json.encode(found.transactions)
