"""A client sees day 91 today: what hangs on time follows the organisation's clock, and nobody else's."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.conftest import BANK, Connected, connected_organisation
from tests.contract.openapi import ContractClient
from tests.contract.refusals import has_code, refused
from tests.stack import Stack, wait_for

pytestmark = pytest.mark.stack

DAY = 86_400


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_91_days_expire_every_consent_of_90(stack: Stack, connected: Connected) -> None:
    with connected_organisation(stack) as organisation:
        client = organisation.client
        before = client.get("/sandbox/clock").json()
        assert before["offsetSeconds"] == 0

        after = client.post("/sandbox/clock", json={"advanceSeconds": 91 * DAY}).json()
        assert after["offsetSeconds"] == 91 * DAY
        assert at(after["now"]) - at(before["now"]) >= timedelta(days=91)
        account = f"/accounts/{organisation.account_id}"
        # At once, whether or not a worker has come by.
        seen = client.get(f"/consents/{organisation.consent_id}").json()
        assert (seen["status"], seen["nextSyncAt"]) == ("expired", None)
        has_code(client.get(f"{account}/transactions"), 403, "CONSENT_EXPIRED")
        shown = client.get(account).json()
        assert (shown["status"], shown["nextRefreshAt"]) == ("expired", None)
        assert [each["status"] for each in client.get("/consents").json()["data"]] == ["expired"]
        assert {each["status"] for each in client.get("/accounts").json()["data"]} == {"expired"}
        has_code(client.post(f"{account}/refresh", json={}), 403, "CONSENT_EXPIRED")

        consent = wait_for(
            lambda: _with_status(client, organisation.consent_id, "expired"), what="the consent's end"
        )
        assert (consent["nextSyncAt"], consent["error"]) == (None, None)
        for path in ("", "?status=pending", "/sync", f"/{organisation.transaction_id}"):
            has_code(client.get(f"{account}/transactions{path}"), 403, "CONSENT_EXPIRED")
        assert client.get(account).json()["status"] == "expired"
        assert organisation.account_id in {each["id"] for each in client.get("/accounts").json()["data"]}
        history = wait_for(
            lambda: (
                len(found := client.get(f"/consents/{organisation.consent_id}/history").json()["data"]) == 3
                and found
            ),
            what="its entry in the history",
        )
        assert [entry["event"] for entry in history] == ["expired", "activated", "created"]
        # A worker may have come by before the move was answered.
        assert at(history[0]["at"]) >= at(before["now"]) + timedelta(days=91)

        # Whoever has not moved a clock is where they were.
        assert connected.client.get("/sandbox/clock").json()["offsetSeconds"] == 0
        assert _with_status(connected.client, connected.consent_id, "active")

        # And a consent that is given on day 91 lives from there.
        again = stack.connect(organisation.api_key, bank_id=BANK).consent_id
        synced = stack.wait_synced(organisation.api_key, again)
        assert at(synced["createdAt"]) >= at(after["now"])
        assert at(synced["lastSyncedAt"]) >= at(after["now"])
        assert client.get(f"{account}/transactions", params={"limit": 1}).status_code == 200


def _with_status(client: ContractClient, consent_id: str, status: str) -> dict[str, Any] | None:
    consent: dict[str, Any] = client.get(f"/consents/{consent_id}").json()
    return consent if consent["status"] == status else None


def test_a_day_later_the_bank_has_booked_on_and_tok_has_read_it(stack: Stack) -> None:
    with connected_organisation(stack) as organisation:
        client = organisation.client
        before = client.get(f"/consents/{organisation.consent_id}").json()
        path = f"/accounts/{organisation.account_id}/transactions"
        newest = client.get(path, params={"limit": 1}).json()["data"][0]["bookingDate"]
        client.post("/sandbox/clock", json={"advanceSeconds": 20 * DAY})
        synced = stack.wait_synced(
            organisation.api_key, organisation.consent_id, after=before["lastSyncedAt"]
        )
        assert at(synced["lastSyncedAt"]) > datetime.now(UTC) + timedelta(days=19)
        later = client.get(path, params={"limit": 1}).json()["data"][0]["bookingDate"]
        assert later > newest


def test_an_idempotency_key_moves_it_once(client: ContractClient) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    first = client.post("/sandbox/clock", json={"advanceSeconds": 60}, headers=headers)
    again = client.post("/sandbox/clock", json={"advanceSeconds": 60}, headers=headers)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
    assert client.get("/sandbox/clock").json()["offsetSeconds"] == 60
    other = client.post("/sandbox/clock", json={"advanceSeconds": 61}, headers=headers)
    has_code(other, 409, "IDEMPOTENCY_KEY_REUSED")


@pytest.mark.parametrize("advance", [0, -1, 1.5, "60", None, True, 10**12, 3_660 * DAY + 1, []], ids=repr)
def test_what_is_no_way_forward(visitor: ContractClient, advance: object) -> None:
    refused(visitor.post("/sandbox/clock", json={"advanceSeconds": advance}), "advanceSeconds")
    assert visitor.get("/sandbox/clock").json()["offsetSeconds"] == 0
