"""The judge itself: a reply that breaks the document in any one way is caught, and named."""

from __future__ import annotations

import copy
import json
from typing import Any

import httpx
import pytest

from tests.contract.openapi import ContractClient, ContractViolation, document, find_template, validate_reply

REQUEST_ID = "req_01HXYZ9E3T4R5P6Q7S8V9W0X1Y"
CONSENT = "/v1/consents/con_01HXYZ8S4JX1QKCB6V4B5ZT0MH"
HEADERS = {
    "X-Request-Id": REQUEST_ID,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Type": "application/json",
    "X-RateLimit-Limit": "300",
    "X-RateLimit-Remaining": "287",
    "X-RateLimit-Reset": "1741100460",
    "RateLimit-Policy": '"burst";q=50;w=10, "minute";q=300;w=60',
    "RateLimit": '"burst";r=42;t=1, "minute";r=287;t=38',
}


def _example(template: str, method: str, status: str, name: str) -> Any:
    content = document()["paths"][template][method]["responses"][status]["content"]["application/json"]
    return copy.deepcopy(content["examples"][name]["value"])


CONSENT_BODY = _example("/v1/consents/{consentId}", "get", "200", "active")


def _reply(
    status: int, body: Any = None, *, headers: dict[str, str] | None = None, without: str = ""
) -> httpx.Response:
    sent = {**HEADERS, **(headers or {})}
    sent.pop(without, None)
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return httpx.Response(status, headers=sent, content=content)


def _error(code: str, **fields: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": "Something.", "requestId": REQUEST_ID, **fields}}


@pytest.mark.parametrize(
    ("method", "url", "reply"),
    [
        ("GET", CONSENT, _reply(200, CONSENT_BODY)),
        ("GET", f"http://127.0.0.1:8080{CONSENT}?x=1", _reply(200, CONSENT_BODY)),
        ("GET", "/v1/consents/{consentId}", _reply(200, CONSENT_BODY)),
        ("GET", CONSENT, _reply(404, _error("NOT_FOUND"), headers={"X-RateLimit-Limit": "60"})),
        ("GET", CONSENT, _reply(401, _error("INVALID_API_KEY"), headers={"WWW-Authenticate": "ApiKey"})),
        ("GET", CONSENT, _reply(200, {**CONSENT_BODY, "error": {"code": "BANK_ERROR", "message": "x"}})),
        (
            "GET",
            CONSENT,
            _reply(429, _error("RATE_LIMITED"), headers={"Retry-After": "1", "RateLimit": '"burst";r=0;t=1'}),
        ),
        ("DELETE", CONSENT, _reply(204, without="Content-Type")),
        ("GET", "/v1/nothing", _reply(404, _error("NOT_FOUND"))),
        ("PUT", CONSENT, _reply(405, _error("METHOD_NOT_ALLOWED"), headers={"Allow": "GET, DELETE"})),
        ("HEAD", CONSENT, _reply(200)),
        ("HEAD", "/v1/nothing", _reply(404)),
        ("GET", "/elsewhere", _reply(404, {"code": 404, "message": "x"}, without="X-Request-Id")),
        ("GET", CONSENT, _reply(431, {"code": 431, "message": "x"}, without="X-Request-Id")),
    ],
)
def test_accepts_what_the_document_says(method: str, url: str, reply: httpx.Response) -> None:
    validate_reply(method, url, reply)


@pytest.mark.parametrize(
    ("method", "url", "reply", "named"),
    [
        (
            "GET",
            CONSENT,
            _reply(418, CONSENT_BODY),
            "the status is not declared; getConsent declares 200, 400",
        ),
        ("GET", CONSENT, _reply(200, CONSENT_BODY, without="X-Request-Id"), "X-Request-Id is missing"),
        ("GET", CONSENT, _reply(200, CONSENT_BODY, headers={"Cache-Control": "public"}), "Cache-Control"),
        (
            "GET",
            CONSENT,
            _reply(200, CONSENT_BODY, headers={"X-RateLimit-Limit": "many"}),
            "X-RateLimit-Limit",
        ),
        (
            "GET",
            CONSENT,
            _reply(404, _error("NOT_FOUND"), without="X-RateLimit-Remaining"),
            "the header X-RateLimit-Remaining is missing",
        ),
        ("GET", CONSENT, _reply(200, CONSENT_BODY, headers={"RateLimit": "300"}), "the header RateLimit:"),
        ("GET", CONSENT, _reply(200, CONSENT_BODY, headers={"Content-Type": "text/html"}), "text/html"),
        ("GET", CONSENT, _reply(200, b"<html>"), "not JSON"),
        ("GET", CONSENT, _reply(200, b'{"a": NaN}'), "NaN is not JSON"),
        ("GET", CONSENT, _reply(200, b'{"id": 1, "id": 2}'), "a name twice"),
        ("GET", CONSENT, _reply(200, {**CONSENT_BODY, "extra": 1}), "extra"),
        ("GET", CONSENT, _reply(200, {**CONSENT_BODY, "redirectUrl": "https://b.example/"}), "redirectUrl"),
        ("GET", CONSENT, _reply(200, {**CONSENT_BODY, "id": "con_1"}), "at /id:"),
        (
            "GET",
            CONSENT,
            _reply(200, {**CONSENT_BODY, "createdAt": "2026-02-25T08:15:30+00:00"}),
            "/createdAt",
        ),
        ("GET", CONSENT, _reply(200, {**CONSENT_BODY, "createdAt": "2026-02-30T08:15:30Z"}), "/createdAt"),
        ("GET", CONSENT, _reply(200, {**CONSENT_BODY, "callbackUrl": "not a url"}), "/callbackUrl"),
        ("GET", CONSENT, _reply(404, _error("FORBIDDEN")), "at /error/code:"),
        ("GET", CONSENT, _reply(404, _error("NOT_FOUND", details=[])), "/details"),
        ("GET", CONSENT, _reply(400, _error("VALIDATION_ERROR")), "details"),
        (
            "GET",
            CONSENT,
            _reply(404, _error("NOT_FOUND", requestId="req_" + "0" * 26)),
            "not the X-Request-Id",
        ),
        ("GET", CONSENT, _reply(401, _error("INVALID_API_KEY")), "WWW-Authenticate is missing"),
        ("DELETE", CONSENT, _reply(204, {}), "the body must be empty"),
        ("PUT", CONSENT, _reply(405, _error("METHOD_NOT_ALLOWED")), "Allow is missing"),
        ("PUT", CONSENT, _reply(200, {}), "no such operation"),
        ("HEAD", CONSENT, _reply(200, {}), "HEAD has no body"),
        ("HEAD", "/v1/nothing", _reply(404, {}), "HEAD has no body"),
        ("HEAD", CONSENT, _reply(405), "the status is not declared"),
        (
            "GET",
            CONSENT,
            _reply(503, {"code": 503, "message": "x"}, without="X-Request-Id"),
            "the gateway answered by itself",
        ),
    ],
)
def test_catches(method: str, url: str, reply: httpx.Response, named: str) -> None:
    with pytest.raises(ContractViolation) as caught:
        validate_reply(method, url, reply)
    assert named in str(caught.value)


def test_a_booked_transaction_needs_its_date() -> None:
    url = "/v1/accounts/acc_01HXYZ8V0A1B2C3D4E5F6G7H8J/transactions/txn_01HXYZ5K9QW3E7R1T5Y9V3J7P1"
    body = _example("/v1/accounts/{accountId}/transactions/{transactionId}", "get", "200", "booked")
    validate_reply("GET", url, _reply(200, {**body, "status": "pending", "bookingDate": None}))
    with pytest.raises(ContractViolation, match="/bookingDate"):
        validate_reply("GET", url, _reply(200, {**body, "bookingDate": None}))


@pytest.mark.parametrize(
    ("url", "template"),
    [
        ("/v1/accounts", "/v1/accounts"),
        ("https://api.tokapi.io/v1/accounts/acc_1?limit=2", "/v1/accounts/{accountId}"),
        ("/v1/accounts/acc_1/transactions/txn_1", "/v1/accounts/{accountId}/transactions/{transactionId}"),
        ("/v1/accounts/", None),
        ("/v2/accounts", None),
    ],
)
def test_finds_the_template(url: str, template: str | None) -> None:
    assert find_template(url) == template


def test_the_client_judges_every_reply() -> None:
    replies = iter([_reply(200, {"data": [], "nextCursor": None}), _reply(200, {"data": []})])
    client = ContractClient("http://127.0.0.1:9/v1", api_key="tok_sandbox_x")
    client._transport = httpx.MockTransport(lambda request: next(replies))
    with client:
        request = client.get("/banks").request
        assert str(request.url) == "http://127.0.0.1:9/v1/banks"
        assert request.headers["Authorization"] == "ApiKey tok_sandbox_x"
        with pytest.raises(ContractViolation, match="nextCursor"):
            client.get("/banks")
