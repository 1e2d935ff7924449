"""Every operation's good reply and every declared error that a client can provoke; the client judges each."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.contract.conftest import BANK, CALLBACK, Connected, connected_organisation
from tests.contract.openapi import ContractClient
from tests.contract.refusals import has_code, refused
from tests.stack import Stack

pytestmark = pytest.mark.stack

CONSENT = {"bankId": BANK, "callbackUrl": CALLBACK}


def create(client: ContractClient, **fields: Any) -> dict[str, Any]:
    reply = client.post("/consents", json={**CONSENT, **fields})
    assert reply.status_code == 201, reply.text
    body: dict[str, Any] = reply.json()
    return body


def everything(client: ContractClient, path: str, **params: Any) -> list[dict[str, Any]]:
    """All pages, one after another."""
    items: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get(path, params={**params, **cursor}).json()
        assert len(page["data"]) <= params.get("limit", 100)
        items += page["data"]
        if page["nextCursor"] is None:
            return items
        assert page["data"], "a page before the last is not empty"
        cursor = {"cursor": page["nextCursor"]}


def test_banks(visitor: ContractClient) -> None:
    banks = visitor.get("/banks").json()["data"]
    assert {"erste-hr", "nlb-si", "intesa-rs", "raiffeisen-ba"} <= {bank["id"] for bank in banks}
    croatian = visitor.get("/banks", params={"country": "HR"}).json()["data"]
    assert croatian == [bank for bank in banks if bank["country"] == "HR"]


def test_a_consent_from_its_creation_to_its_end(client: ContractClient) -> None:
    reply = client.post(
        "/consents", json={**CONSENT, "state": "customer-4711", "psuIpAddress": "203.0.113.7"}
    )
    created = reply.json()
    assert (created["status"], created["state"], created["bankId"]) == ("pending", "customer-4711", BANK)
    assert reply.headers["Location"] == f"/v1/consents/{created['id']}"

    read = client.get(f"/consents/{created['id']}").json()
    assert read == {name: value for name, value in created.items() if name != "redirectUrl"}
    assert client.get("/consents").json() == {"data": [read], "nextCursor": None}

    for _ in range(2):
        assert client.delete(f"/consents/{created['id']}").status_code == 204
    assert client.get(f"/consents/{created['id']}").json()["status"] == "revoked"


def test_an_ipv6_address_is_one_too(client: ContractClient) -> None:
    create(client, psuIpAddress="2001:db8::7")


def test_consents_are_listed_newest_first_in_pages(client: ContractClient) -> None:
    ids = [create(client)["id"] for _ in range(3)]
    for limit in (1, 2, 3, 500):
        assert [each["id"] for each in everything(client, "/consents", limit=limit)] == ids[::-1]


def test_an_idempotency_key_answers_the_first_reply_again(client: ContractClient) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    first = client.post("/consents", json=CONSENT, headers=headers)
    again = client.post("/consents", json=CONSENT, headers=headers)
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.headers["Location"] == first.headers["Location"]
    assert len(client.get("/consents").json()["data"]) == 1

    other = client.post("/consents", json={**CONSENT, "state": "another"}, headers=headers)
    has_code(other, 409, "IDEMPOTENCY_KEY_REUSED")


def test_an_idempotency_key_has_one_effect_when_sent_eight_times_at_once(client: ContractClient) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    with ThreadPoolExecutor(8) as threads:
        replies = list(
            threads.map(lambda _: client.post("/consents", json=CONSENT, headers=headers), range(8))
        )
    assert {reply.status_code for reply in replies} == {201}
    assert len({reply.text for reply in replies}) == 1
    assert len(client.get("/consents").json()["data"]) == 1


def test_an_idempotency_key_is_the_organisations_own(client: ContractClient, visitor: ContractClient) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    first = client.post("/consents", json=CONSENT, headers=headers)
    other = visitor.post("/consents", json=CONSENT, headers=headers)
    assert first.json()["id"] != other.json()["id"]


def test_accounts(connected: Connected) -> None:
    accounts = everything(connected.client, "/accounts", limit=1)
    assert accounts == connected.client.get("/accounts").json()["data"]
    assert len({account["id"] for account in accounts}) == len(accounts)
    consent = connected.client.get(f"/consents/{connected.consent_id}").json()
    assert consent["status"] == "active"
    assert set(consent["accountIds"]) == {account["id"] for account in accounts}
    for account in accounts:
        assert connected.client.get(f"/accounts/{account['id']}").json() == account
        assert (account["bankId"], account["country"], account["status"]) == (BANK, "HR", "active")
        assert account["balance"] in account["balances"]


def test_transactions(connected: Connected) -> None:
    path = f"/accounts/{connected.account_id}/transactions"
    listed = everything(connected.client, path, limit=500)
    assert listed == everything(connected.client, path, limit=100)
    assert listed == sorted(listed, key=lambda each: each["bookingDate"], reverse=True)
    assert len({each["id"] for each in listed}) == len(listed)
    assert {each["status"] for each in listed} == {"booked"}
    assert {each["accountId"] for each in listed} == {connected.account_id}
    assert connected.client.get(f"{path}/{listed[0]['id']}").json() == listed[0]

    first, last = listed[2 * len(listed) // 3]["bookingDate"], listed[len(listed) // 3]["bookingDate"]
    between = everything(connected.client, path, dateFrom=first, dateTo=last, limit=7)
    assert between == [each for each in listed if first <= each["bookingDate"] <= last]
    assert {first, last} <= {each["bookingDate"] for each in between}, "both ends are inclusive"
    assert everything(connected.client, path, dateFrom="2999-01-01") == []
    assert everything(connected.client, path, status="booked") == listed


def test_pending_transactions(connected: Connected) -> None:
    for account in connected.client.get("/accounts").json()["data"]:
        path = f"/accounts/{account['id']}/transactions"
        for each in everything(connected.client, path, status="pending"):
            assert each["status"] == "pending"
            assert connected.client.get(f"{path}/{each['id']}").json() == each


@pytest.mark.parametrize("limit", [37, 500])
def test_following_the_changes_makes_the_list(connected: Connected, limit: int) -> None:
    account = f"/accounts/{connected.account_id}"
    path = f"{account}/transactions/sync"
    there: dict[str, Any] = {}
    query: dict[str, Any] = {"limit": limit}
    while True:
        reply = connected.client.get(path, params=query).json()
        told = [*reply["added"], *reply["modified"], *reply["removed"]]
        assert len(told) <= limit
        there |= {each["id"]: each for each in (*reply["added"], *reply["modified"])}
        for each in reply["removed"]:
            del there[each["id"]]
        query["cursor"] = reply["nextCursor"]
        if not reply["hasMore"]:
            break
        assert told
    listed = everything(connected.client, f"{account}/transactions", limit=500)
    pending = everything(connected.client, f"{account}/transactions", limit=500, status="pending")
    assert there == {each["id"]: each for each in (*listed, *pending)}
    later = connected.client.get(path, params=query).json()
    assert (later["added"], later["modified"], later["removed"]) == ([], [], [])
    assert (later["nextCursor"], later["hasMore"]) == (query["cursor"], False)


def test_the_data_of_a_revoked_consent_is_closed(stack: Stack) -> None:
    with connected_organisation(stack) as organisation:
        client = organisation.client
        assert client.delete(f"/consents/{organisation.consent_id}").status_code == 204
        account = f"/accounts/{organisation.account_id}"
        assert client.get(account).json()["status"] == "revoked"
        has_code(client.get(f"{account}/transactions"), 403, "CONSENT_REVOKED")
        has_code(client.get(f"{account}/transactions/sync"), 403, "CONSENT_REVOKED")
        has_code(client.get(f"{account}/transactions/{organisation.transaction_id}"), 403, "CONSENT_REVOKED")


def _answer_of(created: dict[str, Any], **parameters: str) -> dict[str, str]:
    """What the bank would put into its redirect: its issuer (RFC 9207) and our state."""
    redirect = httpx.URL(created["redirectUrl"])
    issuer = str(redirect).partition("/oauth2/authorize")[0]
    return {"state": redirect.params["state"], "iss": issuer, **parameters}


def test_a_callback_with_a_refusal_goes_on_to_the_client(
    client: ContractClient, anonymous: ContractClient
) -> None:
    created = create(client, state="a b&c=č")
    answer = _answer_of(created, error="access_denied", error_description="No.", novelty="ignored")
    reply = anonymous.get("/callback", params=answer)
    assert reply.status_code == 302
    target = httpx.URL(reply.headers["Location"])
    assert str(target).startswith(f"{CALLBACK}?")
    assert dict(target.params) == {
        "consentId": created["id"],
        "status": "error",
        "state": "a b&c=č",
        "code": "PSU_DECLINED",
    }
    consent = client.get(f"/consents/{created['id']}").json()
    assert (consent["status"], consent["error"]["code"]) == ("error", "PSU_DECLINED")

    has_code(anonymous.get("/callback", params=answer), 409, "CONFLICT")


def test_a_callback_that_cannot_be_trusted_changes_nothing(
    client: ContractClient, anonymous: ContractClient
) -> None:
    created = create(client)
    answer = _answer_of(created, code="x")
    without_issuer = {name: value for name, value in answer.items() if name != "iss"}
    for parameters, field in (
        ({}, "state"),
        ({**answer, "state": "x"}, "state"),
        ({**answer, "state": answer["state"][::-1]}, "state"),
        ({**answer, "iss": "https://bank.example"}, "iss"),
        (without_issuer, "iss"),
    ):
        refused(anonymous.get("/callback", params=parameters), field)
    twice = anonymous.get("/callback", params=[*answer.items(), ("code", "y")])
    refused(twice, "code")
    assert client.get(f"/consents/{created['id']}").json()["status"] == "pending"


def test_a_forged_code_ends_the_consent_with_an_error(
    client: ContractClient, anonymous: ContractClient
) -> None:
    created = create(client)
    reply = anonymous.get("/callback", params=_answer_of(created, code="forged"))
    assert reply.status_code == 302
    assert httpx.URL(reply.headers["Location"]).params["status"] == "error"
    assert client.get(f"/consents/{created['id']}").json()["status"] == "error"
