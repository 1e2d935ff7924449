"""A client that asks twice, or eight times at once, connects one bank once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from localcloud.stack import psu
from tests.contract.openapi import ContractClient
from tests.e2e.operations import Operations
from tests.stack import CALLBACK_URL, Stack

pytestmark = pytest.mark.stack

AT_ONCE = 8
BODY = {"bankId": "erste-hr", "callbackUrl": CALLBACK_URL, "state": "order-4711"}


def test_eight_requests_at_once_with_one_key_make_one_consent(
    stack: Stack, operations: Operations, api_key: str, client: ContractClient
) -> None:
    def ask(_number: int) -> httpx.Response:
        with ContractClient(stack.gateway_url, api_key=api_key) as own:
            return own.post("/consents", json=BODY, headers={"Idempotency-Key": "one-and-only"})

    with ThreadPoolExecutor(AT_ONCE) as pool:
        replies = list(pool.map(ask, range(AT_ONCE)))

    assert {reply.status_code for reply in replies} == {201}
    assert len({reply.content for reply in replies}) == 1
    assert len({reply.headers["location"] for reply in replies}) == 1
    assert sorted(reply.headers.get("idempotent-replayed", "") for reply in replies) == [""] + ["true"] * 7
    assert len({reply.headers["x-request-id"] for reply in replies}) == AT_ONCE
    consent = replies[0].json()
    assert [listed["id"] for listed in client.get("/consents").json()["data"]] == [consent["id"]]
    at_bank = operations.consent(operations.organisation_id(api_key), consent["id"])["bankConsentId"]
    scope = parse_qs(urlsplit(consent["redirectUrl"]).query)["scope"]
    assert scope == [f"AIS:{at_bank}"], "the one that the PSU is led to is the one that is kept"

    back = stack.authorise(consent["redirectUrl"], person=psu.Person())
    assert parse_qs(urlsplit(back).query)["status"] == ["active"]
    again = client.post("/consents", json=BODY, headers={"Idempotency-Key": "one-and-only"})
    assert again.content == replies[0].content
    assert len(client.get("/consents").json()["data"]) == 1


def test_the_key_of_one_organisation_is_nothing_to_another(stack: Stack, client: ContractClient) -> None:
    first = client.post("/consents", json=BODY, headers={"Idempotency-Key": "shared"}).json()

    with ContractClient(stack.gateway_url, api_key=stack.new_organisation()) as other:
        second = other.post("/consents", json=BODY, headers={"Idempotency-Key": "shared"})

    assert second.status_code == 201
    assert second.json()["id"] != first["id"]
    assert "idempotent-replayed" not in second.headers
