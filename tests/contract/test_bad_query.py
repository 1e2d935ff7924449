"""Whatever query a client sends, it gets JSON that says what is wrong and where: never a 5xx, never a web page."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.contract.conftest import BANK, CALLBACK, Connected
from tests.contract.openapi import ContractClient, operations, takes_user
from tests.contract.refusals import has_code, refused

pytestmark = pytest.mark.stack

GOOD = {"bankId": BANK, "callbackUrl": CALLBACK}
LISTS = ["/consents", "/accounts", "transactions", "transactions/sync"]
"""`transactions` stands for the connected account's."""


@pytest.mark.parametrize(
    "limit",
    [
        *[
            "",
            "0",
            "-1",
            "501",
            "10000",
            "abc",
            "1.5",
            "1_0",
            "%20",
            "0x10",
            "١٠",
            "5 5",
            "null",
            "true",
            "NaN",
        ],
        *["9" * 30, "-" + "9" * 30, "%00", "5%00", "%FF", "[1]", "١"],
    ],
)
@pytest.mark.parametrize("listing", LISTS)
def test_limits(connected: Connected, listing: str, limit: str) -> None:
    refused(connected.client.get(_listing(connected, listing) + f"?limit={limit}"), "limit")


@pytest.mark.parametrize(
    "cursor",
    [
        *[
            "",
            "x",
            "a" * 10_000,
            "null",
            "%20",
            "====",
            "..%2F..",
            "č",
            "AAAAAAAAAAAAAAAAAAAAAAAA",
            "-",
            "%2B%2F%3D",
        ],
        *["eyJkIjoiMjAyNi0wMi0yNSJ9", "AAAA.AAAA"],
    ],
)
@pytest.mark.parametrize("listing", LISTS)
def test_cursors_that_nobody_gave(connected: Connected, listing: str, cursor: str) -> None:
    reply = connected.client.get(_listing(connected, listing) + f"?cursor={cursor}")
    has_code(reply, 400, "INVALID_CURSOR")


@pytest.mark.parametrize("cursor", ["%00", "a%00b", "%FF", "%ED%A0%80", "%C0%80"])
def test_cursors_that_are_no_text(connected: Connected, cursor: str) -> None:
    for listing in LISTS:
        reply = connected.client.get(_listing(connected, listing) + f"?cursor={cursor}")
        assert reply.status_code == 400
        if reply.json()["error"]["code"] != "INVALID_CURSOR":
            refused(reply, "cursor")


def test_cursors_that_were_cut_or_altered(connected: Connected) -> None:
    path = _listing(connected, "transactions")
    cursor = _cursor(connected, path)
    cut = {cursor[:length] for length in (1, len(cursor) // 2, len(cursor) - 1)}
    altered = {
        cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :] for at in range(len(cursor))
    }
    changed = {
        cursor + "A",
        cursor + "=",
        cursor * 2,
        cursor[::-1],
        cursor.swapcase(),
        " " + cursor,
        cursor[1:],
    }
    for bad in cut | altered | changed:
        has_code(connected.client.get(path, params={"cursor": bad}), 400, "INVALID_CURSOR")
    assert connected.client.get(path, params={"cursor": cursor}).status_code == 200


def test_cursors_of_another_list(connected: Connected, other_connected: Connected) -> None:
    """Each list's cursor opens that list, and no other list, account, organisation or selection."""
    client = connected.client
    accounts = [account["id"] for account in client.get("/accounts").json()["data"]]
    paths = [
        "/accounts",
        *(f"/accounts/{account}/transactions" for account in accounts),
        *(f"/accounts/{account}/transactions/sync" for account in accounts),
    ]
    cursors = {path: cursor for path in paths if (cursor := _cursor_if_any(connected, path))}
    assert len(cursors) >= 2, "there must be another list to try"
    for (origin, cursor), path in itertools.product(cursors.items(), [*paths, "/consents"]):
        reply = client.get(path, params={"cursor": cursor})
        if path == origin:
            assert reply.status_code == 200
        else:
            has_code(reply, 400, "INVALID_CURSOR")
    for path in ("/accounts", _listing(connected, "transactions")):
        theirs = path.replace(connected.account_id, other_connected.account_id)
        has_code(
            other_connected.client.get(theirs, params={"cursor": _cursor(connected, path)}),
            400,
            "INVALID_CURSOR",
        )


@pytest.mark.parametrize(
    "text",
    [
        *[
            "",
            "yesterday",
            "2026-13-01",
            "2026-02-30",
            "2026-00-10",
            "2026-1-1",
            "20260101",
            "2026-W01-1",
            "2026",
        ],
        *[
            "2026-01-01T00:00:00Z",
            "2026-01-01%20",
            "%2B2026-01-01",
            "-2026-01-01",
            "0000-00-00",
            "10000-01-01",
        ],
        *["01.01.2026", "1767225600", "null", "٢٠٢٦-٠١-٠١", "2026-01-01%00", "%FF", "9" * 1_000],
    ],
)
@pytest.mark.parametrize("field", ["dateFrom", "dateTo"])
def test_dates_that_are_none(connected: Connected, field: str, text: str) -> None:
    refused(connected.client.get(_listing(connected, "transactions") + f"?{field}={text}"), field)


def test_dates_that_are_reversed(connected: Connected) -> None:
    params = {"dateFrom": "2026-03-01", "dateTo": "2026-02-28"}
    refused(connected.client.get(_listing(connected, "transactions"), params=params), "dateFrom")


@pytest.mark.parametrize(
    ("date_from", "date_to"), [("0001-01-01", "9999-12-31"), ("2026-01-01", "2026-01-01")]
)
def test_dates_at_the_edges_are_dates(connected: Connected, date_from: str, date_to: str) -> None:
    params = {"dateFrom": date_from, "dateTo": date_to}
    assert connected.client.get(_listing(connected, "transactions"), params=params).status_code == 200


@pytest.mark.parametrize("status", ["", "both", "BOOKED", "booked,pending", "all", "booked%00", "%FF"])
def test_transaction_statuses(connected: Connected, status: str) -> None:
    refused(connected.client.get(_listing(connected, "transactions") + f"?status={status}"), "status")


@pytest.mark.parametrize("country", ["", "hr", "HRV", "H", "H1", "HR%20", "%00", "%FF", "ČR", "HR,SI"])
def test_countries(visitor: ContractClient, country: str) -> None:
    refused(visitor.get(f"/banks?country={country}"), "country")


def _without_free_parameters() -> list[Any]:
    """Every operation that takes keys, but the bank's redirect, which may have others (RFC 6749 §4.1.2)."""
    return [
        pytest.param(method, template, operation, id=operation["operationId"])
        for method, template, operation in operations()
        if operation["operationId"] != "completeConsent" and not takes_user(operation)
    ]


@pytest.mark.parametrize(("method", "template", "operation"), _without_free_parameters())
def test_unknown_parameters(
    method: str, template: str, operation: dict[str, Any], connected: Connected
) -> None:
    consent = connected.client.post("/consents", json=GOOD).json()
    path = template.removeprefix("/v1").format(**{**connected.ids, "consentId": consent["id"]})
    body = GOOD if method == "POST" else None
    for query, field in (
        ("datefrom=2026-01-01", "datefrom"),
        ("x", "x"),
        ("limit%00=1", "limit?"),
        ("=1", "?"),
    ):
        refused(connected.client.request(method, f"{path}?{query}", json=body), field)


@pytest.mark.parametrize(("method", "template", "operation"), _without_free_parameters())
def test_parameters_that_are_given_twice(
    method: str, template: str, operation: dict[str, Any], connected: Connected
) -> None:
    path = template.removeprefix("/v1").format(**connected.ids)
    for parameter in operation["parameters"]:
        if parameter["in"] == "query":
            name = parameter["name"]
            for query in (f"{name}=1&{name}=1", f"{name}=&{name}=", f"{name}=1&x=&{name}=2"):
                refused(connected.client.request(method, f"{path}?{query}"), name, "x")


def test_very_long_queries(visitor: ContractClient) -> None:
    for length in (3_000, 8_000, 50_000):
        reply = visitor.get("/banks", params={"country": "X" * length})
        assert reply.status_code in (400, 414), reply.text[:1000]
    many = visitor.get("/banks?" + "&".join(f"p{number}=1" for number in range(2_000)))
    assert many.status_code in (400, 414)


def _listing(connected: Connected, listing: str) -> str:
    return f"/accounts/{connected.account_id}/{listing}" if listing.startswith("transactions") else listing


def _cursor_if_any(connected: Connected, path: str) -> str | None:
    cursor: str | None = connected.client.get(path, params={"limit": 1}).json()["nextCursor"]
    return cursor


def _cursor(connected: Connected, path: str) -> str:
    cursor = _cursor_if_any(connected, path)
    assert cursor, f"{path} has one page only"
    return cursor
