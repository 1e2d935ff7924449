"""A client asks for fresh data: with its customer present as often as it likes, without only so often."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.conftest import Connected, connected_organisation
from tests.contract.refusals import has_code, refused
from tests.stack import Stack, wait_for

pytestmark = pytest.mark.stack

PSU = {"psuIpAddress": "203.0.113.7"}


@pytest.fixture(scope="module")
def organisation(stack: Stack) -> Iterator[Connected]:
    with connected_organisation(stack) as organisation:
        yield organisation


def account(organisation: Connected) -> dict[str, Any]:
    found: dict[str, Any] = organisation.client.get(f"/accounts/{organisation.account_id}").json()
    return found


def refresh(organisation: Connected, body: dict[str, Any], **headers: str) -> Any:
    return organisation.client.post(
        f"/accounts/{organisation.account_id}/refresh", json=body, headers=headers
    )


def wait_read(organisation: Connected, *, after: str) -> dict[str, Any]:
    def read() -> dict[str, Any] | None:
        found = account(organisation)
        return found if found["dataAsOf"] > after else None

    return wait_for(read, what="a new read of the account")


def test_with_the_customer_present_it_is_read_at_once_and_nothing_is_spent(organisation: Connected) -> None:
    for _ in range(6):
        before = account(organisation)
        reply = refresh(organisation, PSU)
        assert reply.status_code == 202
        assert reply.json() == {
            "accountId": organisation.account_id,
            "attended": True,
            "refresh": before["refresh"],
        }
        after = wait_read(organisation, after=before["dataAsOf"])
        assert after["refresh"]["remaining"] == before["refresh"]["remaining"]


def test_without_the_customer_the_budget_is_spent_and_then_it_is_refused(organisation: Connected) -> None:
    while (before := account(organisation))["refresh"]["remaining"]:
        reply = refresh(organisation, {})
        assert (reply.status_code, reply.json()["attended"]) == (202, False)
        after = wait_read(organisation, after=before["dataAsOf"])
        assert after["refresh"]["remaining"] == before["refresh"]["remaining"] - 1
    limited = refresh(organisation, {})
    has_code(limited, 429, "REFRESH_LIMIT_REACHED")
    assert 20 * 3_600 < int(limited.headers["Retry-After"]) <= 25 * 3_600
    assert account(organisation) == before
    assert refresh(organisation, PSU).status_code == 202


def test_an_idempotency_key_asks_once(organisation: Connected) -> None:
    key = str(uuid.uuid4())
    first = refresh(organisation, PSU, **{"Idempotency-Key": key})
    again = refresh(organisation, PSU, **{"Idempotency-Key": key})
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    has_code(refresh(organisation, {}, **{"Idempotency-Key": key}), 409, "IDEMPOTENCY_KEY_REUSED")


@pytest.mark.parametrize("address", ["", "localhost", "1.2.3", "1.2.3.4:80", 7, ["1.2.3.4"]], ids=repr)
def test_what_is_no_address(organisation: Connected, address: object) -> None:
    refused(refresh(organisation, {"psuIpAddress": address}), "psuIpAddress")


def test_what_has_ended_is_not_read(stack: Stack) -> None:
    with connected_organisation(stack) as organisation:
        organisation.client.delete(f"/consents/{organisation.consent_id}")
        has_code(refresh(organisation, PSU), 403, "CONSENT_REVOKED")
    with connected_organisation(stack) as organisation:
        organisation.client.post("/sandbox/clock", json={"advanceSeconds": 91 * 86_400})
        has_code(refresh(organisation, PSU), 403, "CONSENT_EXPIRED")
