"""The checker itself: the standard's own examples pass, and what breaks the standard does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract.berlin_group import DOCUMENT, ContractBroken, load_berlin_group

HEADERS = {
    "X-Request-ID": "99391c7e-ad88-49ec-a2ad-99ddcb1f7721",
    "Content-Type": "application/json",
    "PSU-IP-Address": "192.0.2.7",
}


def example(name: str) -> Any:
    load_berlin_group()
    return json.loads((Path(DOCUMENT).parent / "examples" / f"{name}.json").read_text("utf-8"))


def check_reply(path: str, body: Any, *, status: int = 200, headers: dict[str, str] = HEADERS) -> None:
    load_berlin_group().check_reply(
        "GET", path, status=status, headers=headers, body=json.dumps(body).encode()
    )


@pytest.mark.parametrize("name", ["consentsExample_DedicatedAccounts", "consentsExample_without_Accounts"])
def test_the_standards_requests_pass_once_they_keep_its_own_types(name: str) -> None:
    checker = load_berlin_group()
    as_printed = json.dumps(example(name)).encode()
    # Its examples write booleans as strings and forget a required field.
    with pytest.raises(ContractBroken, match="recurringIndicator"):
        checker.check_request("POST", "/v1/consents", headers=HEADERS, query={}, body=as_printed)
    mended = {**example(name), "recurringIndicator": True, "combinedServiceIndicator": False}
    checker.check_request("POST", "/v1/consents", headers=HEADERS, query={}, body=json.dumps(mended).encode())


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/accounts", "accountListExample1"),
        ("/v1/accounts/x/balances", "balancesExample1_RegularAccount"),
        ("/v1/accounts/x/transactions", "transactionsExample1_RegularAccount_json"),
        ("/v1/consents/x/status", "consentStatusResponseExample1"),
    ],
)
def test_the_standards_replies_pass(path: str, name: str) -> None:
    check_reply(path, example(name))


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({}, {"bookingStatus": "booked"}),
        ({"X-Request-ID": "1", "Consent-ID": "x"}, {"bookingStatus": "booked"}),
        ({**HEADERS, "Consent-ID": "x"}, {}),
        ({**HEADERS, "Consent-ID": "x"}, {"bookingStatus": "everything"}),
        ({**HEADERS, "Consent-ID": "x"}, {"bookingStatus": "booked", "dateFrom": "01.11.2026"}),
        ({**HEADERS, "Consent-ID": "x"}, {"bookingStatus": "booked", "from": "2026-11-01"}),
    ],
)
def test_a_request_that_breaks_the_standard(headers: dict[str, str], query: dict[str, str]) -> None:
    checker = load_berlin_group()
    with pytest.raises(ContractBroken):
        checker.check_request("GET", "/v1/accounts/x/transactions", headers=headers, query=query)
    whole = {**HEADERS, "Consent-ID": "x"}
    checker.check_request(
        "GET", "/v1/accounts/x/transactions", headers=whole, query={"bookingStatus": "booked"}
    )


@pytest.mark.parametrize(
    "change",
    [
        {"balances": "none"},
        {"balancs": []},
        {"balances": [{"balanceType": "closingBooked"}]},
        {"balances": [{"balanceType": "final", "balanceAmount": {"currency": "EUR", "amount": "1"}}]},
        {"balances": [{"balanceType": "expected", "balanceAmount": {"currency": "EUR", "amount": 1}}]},
    ],
)
def test_a_reply_that_breaks_the_standard(change: dict[str, Any]) -> None:
    with pytest.raises(ContractBroken):
        check_reply("/v1/accounts/x/balances", change)


def test_statuses_headers_and_media_types_are_the_declared_ones() -> None:
    good = example("balancesExample1_RegularAccount")
    for status, headers in (
        (202, HEADERS),
        (200, {**HEADERS, "X-Request-ID": "1"}),
        (200, {"Content-Type": "application/json"}),
        (200, {**HEADERS, "Content-Type": "text/html"}),
    ):
        with pytest.raises(ContractBroken):
            check_reply("/v1/accounts/x/balances", good, status=status, headers=headers)
