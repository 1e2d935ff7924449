"""The API overview's examples, character by character as clients read them, work."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.contract.conftest import Connected
from tests.contract.openapi import PATH, ContractClient, document, validator

POST_CONSENTS = """
{
"bankId": "erste-hr",
"callbackUrl": "https://app.bilko.io/banking/callback"
}
"""
TRANSACTION = """
{
"id": "txn_01HXYZ...",
"externalId": "BANK-TXN-123456",
"bookingDate": "2026-02-25",
"valueDate": "2026-02-25",
"amount": "5000.0000",
"currency": "RSD",
"direction": "inbound",
"creditorIban": "RS35105008123123123173",
"debtorIban": "RS35105008000000019174",
"remittanceInfo": "Invoice INV-2026-001",
"source": "open_banking"
}
"""
ERROR = """
{
"error": {
"code": "CONSENT_EXPIRED",
"message": "The bank consent has expired. Please reconnect the bank account.",
"requestId": "req_01HXYZ..."
}
}
"""
ERROR_CODES = {
    "INVALID_API_KEY": "401",
    "CONSENT_EXPIRED": "403",
    "CONSENT_REVOKED": "403",
    "BANK_API_ERROR": "502",
    "RATE_LIMITED": "429",
    "NOT_FOUND": "404",
}
HEADERS = {"X-RateLimit-Limit": 300, "X-RateLimit-Remaining": 287, "X-RateLimit-Reset": 1741100460}


def _whole(printed: str) -> Any:
    """The printed JSON with its elided ids (`txn_01HXYZ...`) written out."""
    return json.loads(printed.replace("01HXYZ...", "01HXYZ" + "0" * 20))


@pytest.mark.stack
def test_post_consents(client: ContractClient) -> None:
    reply = client.post("/consents", content=POST_CONSENTS, headers={"Content-Type": "application/json"})
    assert reply.status_code == 201
    consent = reply.json()
    assert httpx.URL(consent["redirectUrl"]).is_absolute_url
    assert client.get(f"/consents/{consent['id']}").json()["status"] == "pending"
    assert client.delete(f"/consents/{consent['id']}").status_code == 204


@pytest.mark.stack
def test_get_accounts_and_transactions(connected: Connected) -> None:
    account = connected.client.get("/accounts").json()["data"][0]
    details = connected.client.get(f"/accounts/{account['id']}").json()
    assert {"balance", "iban", "currency", "bankName"} <= details.keys()
    listing = f"/accounts/{connected.account_id}/transactions"
    reply = connected.client.get(f"{listing}?dateFrom=2026-01-01&dateTo=2026-03-01&limit=100")
    assert reply.status_code == 200
    assert all("2026-01-01" <= each["bookingDate"] <= "2026-03-01" for each in reply.json()["data"])

    first = connected.client.get(f"{listing}?limit=1").json()
    second = connected.client.get(f"{listing}?limit=1&cursor={first['nextCursor']}").json()
    assert first["data"][0]["id"] != second["data"][0]["id"]


@pytest.mark.stack
def test_a_transaction_has_the_printed_fields_in_their_order(connected: Connected) -> None:
    path = f"/accounts/{connected.account_id}/transactions"
    listed = connected.client.get(path).json()["data"]
    for transaction in [*listed, connected.client.get(f"{path}/{connected.transaction_id}").json()]:
        assert list(transaction)[:11] == list(_whole(TRANSACTION))


def test_the_printed_transaction_is_the_documents() -> None:
    schema = document()["components"]["schemas"]["Transaction"]
    printed = _whole(TRANSACTION)
    assert list(schema["properties"])[: len(printed)] == list(printed)
    beyond = {name: None for name in schema["properties"] if name not in printed}
    ours = {"status": "booked", "accountId": "acc_" + "0" * 26, "matchConfidence": "exact"}
    whole = {**printed, **beyond, **ours}
    assert not list(validator(schema).iter_errors(whole))


def test_the_printed_error_is_the_documents() -> None:
    schemas = document()["components"]["schemas"]
    assert not list(validator(schemas["Error"]).iter_errors(_whole(ERROR)))
    for code, status in ERROR_CODES.items():
        assert f"| `{code}` | {status} |" in schemas["ErrorCode"]["description"]


def test_the_printed_rate_limit_headers_are_the_documents() -> None:
    for name, value in HEADERS.items():
        assert not list(validator(document()["components"]["headers"][name]["schema"]).iter_errors(value))


def test_the_document_is_where_the_overview_says() -> None:
    assert PATH.is_file()
    assert str(PATH).endswith("docs/api/openapi.yaml")
    assert document()["openapi"].startswith("3.1.")
    assert [server["url"] + "/v1" for server in document()["servers"]] == [
        "https://api.tokapi.io/v1",
        "https://sandbox.api.tokapi.io/v1",
    ]
