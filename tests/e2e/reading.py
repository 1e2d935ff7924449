"""Reads accounts and transactions through the API, as clients do, and holds them against the bank's books."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

import httpx

from tests.e2e import books
from tests.e2e.books import Row
from xs2a_bank.data import Account

PAGE_ROWS = 37
"""Divides neither the bank's pages nor ours."""


def accounts_of_consent(client: httpx.Client, consent_id: str) -> list[Row]:
    listed: list[Row] = client.get("/accounts").raise_for_status().json()["data"]
    return [account for account in listed if account["consentId"] == consent_id]


def transactions_page(
    client: httpx.Client, account_id: str, *, cursor: str | None = None, **query: str | int
) -> tuple[list[Row], str | None]:
    parameters: dict[str, str | int] = {"limit": PAGE_ROWS, **query}
    if cursor is not None:
        parameters["cursor"] = cursor
    reply = client.get(f"/accounts/{account_id}/transactions", params=parameters)
    assert reply.status_code == 200, reply.text
    body = reply.json()
    rows: list[Row] = body["data"]
    assert body["nextCursor"] is None or len(rows) == parameters["limit"], (
        "a page that is not full is the last"
    )
    return rows, body["nextCursor"]


def read_all(
    client: httpx.Client, account_id: str, *, cursor: str | None = None, **query: str | int
) -> list[Row]:
    found: list[Row] = []
    while True:
        rows, cursor = transactions_page(client, account_id, cursor=cursor, **query)
        found += rows
        if cursor is None:
            return found


def require_newest_first(rows: Iterable[Row]) -> None:
    """Strictly descending by day and id, so that none stands there twice."""
    keys = [(row["bookingDate"], row["id"]) for row in rows]
    assert keys == sorted(set(keys), reverse=True)


def require_same(found: Iterable[Row], expected: Iterable[Row]) -> None:
    """None lost, none twice, every field as the bank has it. Order, our own ids and how sure we are of them aside."""
    had, wanted = _counted(found), _counted(expected)
    lost, excess = wanted - had, had - wanted
    assert not lost + excess, (
        f"{lost.total()} lost, {excess.total()} too many\nlost: {_shown(lost)}\ntoo many: {_shown(excess)}"
    )


def require_books(
    client: httpx.Client, shown: Mapping[str, Any], account: Account, *, limit: int = PAGE_ROWS
) -> list[Row]:
    """Every booked and pending row and the balance of an account; the booked rows as read."""
    read_at, since = datetime.fromisoformat(shown["dataAsOf"]), date.fromisoformat(shown["historyFrom"])
    rows = read_all(client, shown["id"], limit=limit)
    require_same(rows, books.booked_rows(account, at=read_at, since=since))
    require_newest_first(rows)
    pending = read_all(client, shown["id"], limit=limit, status="pending")
    require_same(pending, books.pending_rows(account, at=read_at))
    ids = [row["id"] for row in (*rows, *pending)]
    assert len(set(ids)) == len(ids)
    assert {row["accountId"] for row in (*rows, *pending)} <= {shown["id"]}
    told = {balance["type"]: balance["amount"] for balance in shown["balances"]}
    assert told == books.balances(account, at=read_at)
    return rows


def require_all_books(
    client: httpx.Client, consent_id: str, *, bank_id: str, username: str, limit: int = PAGE_ROWS
) -> dict[str, list[str]]:
    """Every account of a person at a bank; the transactions' ids by account id."""
    owned = books.accounts_by_iban(bank_id, username)
    shown = {account["iban"]: account for account in accounts_of_consent(client, consent_id)}
    assert set(shown) == set(owned)
    return {
        shown[iban]["id"]: [row["id"] for row in require_books(client, shown[iban], account, limit=limit)]
        for iban, account in owned.items()
    }


def _counted(rows: Iterable[Row]) -> Counter[str]:
    return Counter(
        json.dumps(
            {
                name: value
                for name, value in row.items()
                if name not in ("id", "accountId", "matchConfidence")
            },
            sort_keys=True,
            ensure_ascii=False,
        )
        for row in rows
    )


def _shown(rows: Counter[str]) -> str:
    return "\n  ".join(["", *list(rows)[:5]])
