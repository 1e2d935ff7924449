"""No operation shows, changes, or admits the existence of what belongs to another organisation.

The operations come from the document, so that a new one is walked by itself. Those that people call are in
test_foreign_users.py.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from shared.domain.api_keys import generate_key
from shared.domain.ids import Prefix, new_id
from tests.contract.conftest import BANK, CALLBACK, Connected
from tests.contract.openapi import ContractClient, JsonObject, document, operations, takes_user
from tests.stack import Stack

pytestmark = pytest.mark.stack

PREFIXES: dict[str, Prefix] = {"consentId": "con", "accountId": "acc", "transactionId": "txn"}
WITH_IDS = [
    pytest.param(method, template, id=operation["operationId"])
    for method, template, operation in operations()
    if "{" in template and not takes_user(operation)
]
SECURED = [
    pytest.param(method, template, operation, id=operation["operationId"])
    for method, template, operation in operations()
    if operation.get("security", document()["security"]) and not takes_user(operation)
]


def _names(template: str) -> list[str]:
    names = re.findall(r"\{([^{}]+)\}", template)
    assert set(names) <= set(PREFIXES), f"{template}: say here, and in Connected.ids, what its ids are"
    return names


def _path(template: str, ids: dict[str, str]) -> str:
    return template.removeprefix("/v1").format(**ids)


def _mixtures(template: str, *, own: dict[str, str], foreign: dict[str, str]) -> Iterator[dict[str, str]]:
    """Each way to have at least one foreign id among the path's ids."""
    names = _names(template)
    for choice in itertools.product((own, foreign), repeat=len(names)):
        if any(ids is foreign for ids in choice):
            yield {name: ids[name] for name, ids in zip(names, choice, strict=True)}


def _call(
    client: ContractClient, method: str, path: str, headers: dict[str, str] | None = None
) -> httpx.Response:
    body = {"bankId": BANK, "callbackUrl": CALLBACK} if method == "POST" else None
    return client.request(method, path, json=body, headers=headers)


def _without_request_id(reply: httpx.Response) -> tuple[int, list[str], Any]:
    body: JsonObject = reply.json()
    body["error"].pop("requestId")
    return reply.status_code, sorted(reply.headers), body


@pytest.mark.parametrize(("method", "template"), WITH_IDS)
def test_foreign_ids_answer_as_ids_that_do_not_exist(
    method: str, template: str, connected: Connected, other_connected: Connected
) -> None:
    before = connected.client.get(f"/consents/{connected.consent_id}").json()
    for ids in _mixtures(template, own=other_connected.ids, foreign=connected.ids):
        foreign = _call(other_connected.client, method, _path(template, ids))
        assert foreign.json()["error"]["code"] == "NOT_FOUND", foreign.text
        nobodys = {
            name: new_id(PREFIXES[name]) if ids[name] == connected.ids[name] else ids[name] for name in ids
        }
        unknown = _call(other_connected.client, method, _path(template, nobodys))
        assert _without_request_id(foreign) == _without_request_id(unknown)
        shown = json.dumps(foreign.json())
        assert not any(each in shown for each in connected.ids.values())
    assert connected.client.get(f"/consents/{connected.consent_id}").json() == before


@pytest.mark.parametrize(("method", "template"), [each for each in WITH_IDS if each.values[0] == "GET"])
def test_the_ids_are_real(method: str, template: str, connected: Connected) -> None:
    """Without this, the test above would pass on ids that nobody has."""
    assert _call(connected.client, method, _path(template, connected.ids)).status_code == 200


def test_lists_hold_only_ones_own(
    connected: Connected, other_connected: Connected, visitor: ContractClient
) -> None:
    for listing in ("/accounts", "/consents"):
        own = {each["id"] for each in connected.client.get(listing).json()["data"]}
        other = {each["id"] for each in other_connected.client.get(listing).json()["data"]}
        assert own
        assert other
        assert not own & other
        assert not own & {each["id"] for each in visitor.get(listing).json()["data"]}


@pytest.mark.parametrize(("method", "template", "operation"), SECURED)
def test_no_operation_answers_without_a_good_key(
    method: str, template: str, operation: JsonObject, connected: Connected, anonymous: ContractClient
) -> None:
    path = _path(template, connected.ids)
    good = connected.api_key
    mistyped = good[:-1] + ("A" if good[-1] != "A" else "B")
    live = generate_key("live")
    for authorisation in (
        None,
        "",
        "ApiKey",
        good,
        f"Bearer {good}",
        f"ApiKey {mistyped}",
        f"ApiKey {good[:-1]}",
        f"ApiKey {good} {good}",
        f"ApiKey {generate_key('sandbox')}",
        "ApiKey tok_sandbox_" + "x" * 5_000,
        f"ApiKey {live}",
    ):
        headers = {} if authorisation is None else {"Authorization": authorisation}
        reply = _call(anonymous, method, path, headers)
        assert reply.status_code == 401, (authorisation, reply.text)
        assert good not in reply.text
        if authorisation == f"ApiKey {live}":
            assert "https://api.tokapi.io/v1" in reply.json()["error"]["message"]
    if method == "GET":
        assert _call(connected.client, method, path).status_code == 200


def test_keys_do_not_count_elsewhere_than_in_the_header(connected: Connected, stack: Stack) -> None:
    with ContractClient(stack.gateway_url) as client:
        for name in ("key", "apiKey", "api_key", "Authorization"):
            assert client.get("/accounts", params={name: connected.api_key}).status_code == 401
        assert client.get("/accounts", headers={"X-Api-Key": connected.api_key}).status_code == 401
        cookie = {"Cookie": f"Authorization=ApiKey {connected.api_key}"}
        assert client.get("/accounts", headers=cookie).status_code == 401
