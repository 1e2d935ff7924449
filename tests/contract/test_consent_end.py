"""How consents end, and how they go on: renewal, history, and banks that are down."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from localcloud.stack import psu
from tests.contract.conftest import BANK, CALLBACK, Connected, connected_organisation
from tests.contract.openapi import ContractClient
from tests.contract.refusals import has_code, refused
from tests.contract.test_api_replies import everything
from tests.stack import Stack, wait_for

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def organisation(stack: Stack) -> Iterator[Connected]:
    with connected_organisation(stack) as organisation:
        yield organisation


def authorise(stack: Stack, redirect_url: str, *, decision: psu.Decision = "approve") -> dict[str, str]:
    """What the client is told when its customer comes back."""
    back = stack.authorise(redirect_url, decision=decision, until="https://")
    return {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}


def test_a_renewal_from_end_to_end(stack: Stack) -> None:
    with connected_organisation(stack) as organisation:
        client, consent_id = organisation.client, organisation.consent_id
        path = f"/accounts/{organisation.account_id}/transactions"
        rows = everything(client, path, limit=500)
        before = client.get(f"/consents/{consent_id}").json()
        accounts = {each["id"] for each in client.get("/accounts").json()["data"]}

        reply = client.post(f"/consents/{consent_id}/renew", json={"state": "again"})
        assert (reply.status_code, reply.headers["Location"]) == (201, f"/v1/consents/{consent_id}")
        renewing = reply.json()
        assert renewing["status"] == "active"
        assert renewing["renewal"]["error"] is None
        assert client.get(f"{path}?limit=1").status_code == 200, "the old access serves"

        told = authorise(stack, renewing["redirectUrl"])
        assert told == {"consentId": consent_id, "status": "active", "state": "again"}
        synced = stack.wait_synced(organisation.api_key, consent_id, after=before["lastSyncedAt"])
        assert (synced["id"], synced["status"], synced["renewal"]) == (consent_id, "active", None)
        assert synced["activatedAt"] > before["activatedAt"]
        assert set(synced["accountIds"]) == accounts
        assert {each["id"] for each in client.get("/accounts").json()["data"]} == accounts
        ids = [row["id"] for row in everything(client, path, limit=500)]
        assert [row["id"] for row in rows] == ids[-len(rows) :], "no gap, no double, no new id"

        history = everything(client, f"/consents/{consent_id}/history", limit=1)
        assert history == client.get(f"/consents/{consent_id}/history").json()["data"]
        assert [entry["event"] for entry in reversed(history)] == [
            "created",
            "activated",
            "renewal_started",
            "renewed",
        ]
        assert [entry["revision"] for entry in history] == [4, 3, 2, 1]

        # Also after its end.
        assert client.delete(f"/consents/{consent_id}").status_code == 204
        has_code(client.get(path), 403, "CONSENT_REVOKED")
        again = client.post(f"/consents/{consent_id}/renew", json={}).json()
        assert again["status"] == "revoked"
        assert authorise(stack, again["redirectUrl"])["status"] == "active"
        assert client.get(f"{path}?limit=1").status_code == 200


def test_a_declined_renewal_changes_nothing_and_is_told(stack: Stack, organisation: Connected) -> None:
    client, consent_id = organisation.client, organisation.consent_id
    before = client.get(f"/consents/{consent_id}").json()
    renewing = client.post(
        f"/consents/{consent_id}/renew", json={"callbackUrl": "https://client.example/renewed"}
    ).json()
    told = authorise(stack, renewing["redirectUrl"], decision="decline")
    assert told == {"consentId": consent_id, "status": "active", "code": "PSU_DECLINED"}
    after = client.get(f"/consents/{consent_id}").json()
    assert after["renewal"]["error"]["code"] == "PSU_DECLINED"
    assert {**after, "renewal": None} == {**before, "renewal": None}
    newest = client.get(f"/consents/{consent_id}/history", params={"limit": 1}).json()["data"][0]
    assert (newest["event"], newest["status"], newest["error"]["code"]) == (
        "renewal_failed",
        "active",
        "PSU_DECLINED",
    )


def test_an_idempotency_key_renews_once(organisation: Connected) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    path = f"/consents/{organisation.consent_id}/renew"
    first = organisation.client.post(path, json={}, headers=headers)
    again = organisation.client.post(path, json={}, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"


def test_what_cannot_be_renewed(client: ContractClient, anonymous: ContractClient) -> None:
    created = client.post("/consents", json={"bankId": BANK, "callbackUrl": CALLBACK}).json()
    path = f"/consents/{created['id']}/renew"
    has_code(client.post(path, json={}), 409, "CONSENT_PENDING")
    client.delete(f"/consents/{created['id']}")
    has_code(client.post(path, json={}), 409, "CONFLICT")
    has_code(client.post("/consents/con_01HXYZ00000000000000000000/renew", json={}), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"bankId": BANK}, "bankId"),
        ({"callbackUrl": "http://client.example/x"}, "callbackUrl"),
        ({"callbackUrl": "javascript:alert(1)"}, "callbackUrl"),
        ({"state": "x" * 513}, "state"),
        ({"psuIpAddress": "localhost"}, "psuIpAddress"),
        ([], "body"),
    ],
    ids=str,
)
def test_renewals_that_are_refused(organisation: Connected, body: Any, field: str) -> None:
    before = organisation.client.get(f"/consents/{organisation.consent_id}").json()
    refused(organisation.client.post(f"/consents/{organisation.consent_id}/renew", json=body), field)
    assert organisation.client.get(f"/consents/{organisation.consent_id}").json() == before


def test_a_cursor_of_one_history_is_none_of_another(organisation: Connected, connected: Connected) -> None:
    history = f"/consents/{organisation.consent_id}/history"
    cursor = organisation.client.get(history, params={"limit": 1}).json()["nextCursor"]
    assert cursor
    has_code(organisation.client.get("/consents", params={"cursor": cursor}), 400, "INVALID_CURSOR")
    other = connected.client.get(f"/consents/{connected.consent_id}/history", params={"cursor": cursor})
    has_code(other, 400, "INVALID_CURSOR")


def _health(client: ContractClient, bank_id: str) -> dict[str, Any]:
    banks = client.get("/banks").json()["data"]
    health: dict[str, Any] = next(bank["health"] for bank in banks if bank["id"] == bank_id)
    return health


def test_a_bank_that_is_down_is_shown_left_alone_and_found_again(
    stack: Stack, client: ContractClient
) -> None:
    """Five of the organisation's customers meet its maintenance; two hours later it is back."""
    api_key = client.headers["Authorization"].removeprefix("ApiKey ")
    assert _health(client, "nlb-si") == {"status": "operational", "since": None, "lastSuccessAt": None}
    # All are started before the first is read: a bank that is down takes no more of them.
    started = [stack.start_consent(api_key, bank_id="nlb-si") for _ in range(5)]
    for each in started:
        stack.authorise(each["redirectUrl"], person=psu.Person(username="down-for-a-while"))
    consents = [each["id"] for each in started]
    down = wait_for(
        lambda: (found := _health(client, "nlb-si"))["status"] == "down" and found, what="an open breaker"
    )
    assert down["since"] is not None
    refusal = client.post("/consents", json={"bankId": "nlb-si", "callbackUrl": CALLBACK})
    renewal = client.post(f"/consents/{consents[0]}/renew", json={})
    for reply in (refusal, renewal):
        has_code(reply, 502, "BANK_API_ERROR")
        assert 1 <= int(reply.headers["Retry-After"]) <= 15 * 60
        assert reply.elapsed.total_seconds() < 5, "the bank is not waited for"
    assert _health(client, "erste-hr")["status"] == "operational", "another bank"

    client.post("/sandbox/clock", json={"advanceSeconds": 3 * 3_600})
    up = wait_for(
        lambda: (
            (found := _health(client, "nlb-si"))["status"] == "operational"
            and found["lastSuccessAt"]
            and found
        ),
        what="its recovery",
    )
    # They share the person's accounts, and so these accounts' reads of the day: not every one is read again now.
    assert any(client.get(f"/consents/{each}").json()["lastSyncedAt"] for each in consents)
    assert up["since"] > down["since"]
    assert up["lastSuccessAt"] > down["since"]
