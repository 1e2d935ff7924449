"""Banks that fail, each in its own way: the consent ends as it must or waits, and nobody else notices."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.contract.openapi import ContractClient
from tests.e2e import books, reading
from tests.e2e.operations import Operations
from tests.stack import CALLBACK_URL, Stack, wait_for

pytestmark = pytest.mark.stack

Consent = dict[str, Any]


def wait_consent(client: ContractClient, consent_id: str, *, until: Callable[[Consent], bool]) -> Consent:
    def look() -> Consent | None:
        consent: Consent = client.get(f"/consents/{consent_id}").json()
        return consent if until(consent) else None

    return wait_for(look, what=f"the awaited state of {consent_id}")


def connect(stack: Stack, api_key: str, *, bank_id: str, username: str) -> str:
    connection = stack.connect(api_key, bank_id=bank_id, username=username)
    assert connection.callback["status"] == "active"
    return connection.consent_id


def end(client: ContractClient, *consent_ids: str) -> None:
    """Or its retries would go on, and hang, while other tests run."""
    for consent_id in consent_ids:
        assert client.delete(f"/consents/{consent_id}").status_code == 204
        assert client.get(f"/consents/{consent_id}").json()["status"] == "revoked"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("username", "bank_id", "seconds_at_least"),
    [
        ("fails", "erste-hr", 5),
        ("fails", "raiffeisen-ba", 5),
        ("html", "nlb-si", 5),
        ("garbled", "intesa-rs", 5),
        ("garbled", "raiffeisen-ba", 5),
        ("limited", "erste-hr", 60),
        ("limited", "raiffeisen-ba", 60),
        ("slow", "nlb-si", 5),
    ],
)
def test_a_bank_that_does_not_answer_well_is_asked_again_later(
    stack: Stack,
    operations: Operations,
    api_key: str,
    client: ContractClient,
    username: str,
    bank_id: str,
    seconds_at_least: int,
) -> None:
    consent_id = connect(stack, api_key, bank_id=bank_id, username=username)

    consent = wait_consent(client, consent_id, until=lambda seen: seen["nextSyncAt"] != seen["activatedAt"])

    assert (consent["status"], consent["error"], consent["lastSyncedAt"]) == ("active", None, None)
    assert at(consent["nextSyncAt"]) - at(consent["activatedAt"]) > timedelta(seconds=seconds_at_least)
    stored = operations.consent(operations.organisation_id(api_key), consent_id)
    assert stored["failedSyncs"] >= 1
    assert stored["lease"]["until"] is None or stored["lease"]["fence"] > 1, "a later attempt may hold it"
    assert client.get("/accounts").json()["data"] == []
    end(client, consent_id)


@pytest.mark.parametrize(
    ("username", "bank_id", "status", "code"),
    [
        ("expired", "nlb-si", "expired", None),
        ("expired", "raiffeisen-ba", "expired", None),
        ("revoked", "erste-hr", "revoked", None),
        ("revoked", "raiffeisen-ba", "revoked", None),
        ("token-refused", "intesa-rs", "error", "TOKEN_REFUSED"),
        ("token-refused", "raiffeisen-ba", "error", "TOKEN_REFUSED"),
    ],
)
def test_a_consent_that_the_bank_ended_ends_at_once(
    stack: Stack,
    operations: Operations,
    api_key: str,
    client: ContractClient,
    username: str,
    bank_id: str,
    status: str,
    code: str | None,
) -> None:
    consent_id = connect(stack, api_key, bank_id=bank_id, username=username)

    consent = wait_consent(client, consent_id, until=lambda seen: seen["status"] != "active")

    assert consent["status"] == status
    assert (consent["error"] or {}).get("code") == code
    assert (consent["nextSyncAt"], consent["lastSyncedAt"]) == (None, None)
    stored = operations.documents(operations.organisation_id(api_key))
    assert not [path for path in stored if "/secrets/" in path], "its tokens are destroyed"
    history = [fields["status"] for path, (_, fields) in sorted(stored.items()) if "/history/" in path]
    assert history == ["pending", "active", status]


@pytest.mark.parametrize(
    ("at_bank", "status", "code"),
    [("expired", "expired", "CONSENT_EXPIRED"), ("revokedByPsu", "revoked", "CONSENT_REVOKED")],
)
def test_data_of_a_consent_that_ended_later_is_closed(
    stack: Stack,
    operations: Operations,
    api_key: str,
    client: ContractClient,
    at_bank: str,
    status: str,
    code: str,
) -> None:
    consent_id = connect(stack, api_key, bank_id="intesa-rs", username="ana")
    stack.wait_synced(api_key, consent_id)
    organisation_id = operations.organisation_id(api_key)
    account = reading.accounts_of_consent(client, consent_id)[0]
    row = reading.read_all(client, account["id"], limit=500)[0]
    bank_consent_id = operations.consent(organisation_id, consent_id)["bankConsentId"]
    operations.bank.collection("consents").document(bank_consent_id).update({"status": at_bank})

    assert operations.make_due(organisation_id, consent_id, at=datetime.now(UTC))
    operations.tick_until(
        lambda: bool(client.get(f"/consents/{consent_id}").json()["status"] == status),
        what=f"the end of {consent_id}",
    )

    for path in ("", "?status=pending", f"/{row['id']}"):
        refused = client.get(f"/accounts/{account['id']}/transactions{path}")
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, code)
    shown = client.get(f"/accounts/{account['id']}").json()
    assert (shown["status"], shown["nextRefreshAt"]) == (status, None)


def test_a_bank_that_fails_each_first_time_is_read_to_the_end(
    stack: Stack, operations: Operations, api_key: str, client: ContractClient
) -> None:
    began = datetime.now(UTC)
    consent_id = connect(stack, api_key, bank_id="erste-hr", username="flaky")

    operations.wait_synced_since(operations.organisation_id(api_key), consent_id, since=began)

    reading.require_all_books(client, consent_id, bank_id="erste-hr", username="flaky", limit=500)


@pytest.mark.parametrize("bank_id", ["nlb-si", "erste-hr"])
def test_genuine_twins_stay_two(
    stack: Stack, operations: Operations, api_key: str, client: ContractClient, bank_id: str
) -> None:
    consent_id = connect(stack, api_key, bank_id=bank_id, username="twins")
    stack.wait_synced(api_key, consent_id)

    ids = reading.require_all_books(client, consent_id, bank_id=bank_id, username="twins", limit=500)

    account_id = next(iter(ids))
    looks = [
        (row["bookingDate"], row["amount"], row["creditorName"], row["remittanceInfo"])
        for row in reading.read_all(client, account_id, limit=500)
    ]
    assert len(looks) - len(set(looks)) > 20, "many of them look the same"
    operations.wait_synced_anew(api_key, consent_id, since=datetime.now(UTC), fullHistoryRead=False)
    again = reading.require_all_books(client, consent_id, bank_id=bank_id, username="twins", limit=500)
    assert again == ids


@pytest.mark.parametrize("bank_id", books.BANK_IDS)
def test_an_account_without_transactions_is_empty_and_no_error(
    stack: Stack, api_key: str, client: ContractClient, bank_id: str
) -> None:
    consent_id = connect(stack, api_key, bank_id=bank_id, username="empty")
    stack.wait_synced(api_key, consent_id)

    [account] = reading.accounts_of_consent(client, consent_id)

    assert account["balance"]["amount"] == "0.0000"
    for status in ("booked", "pending"):
        page = client.get(f"/accounts/{account['id']}/transactions", params={"status": status}).json()
        assert page == {"data": [], "nextCursor": None}


@pytest.mark.parametrize(
    ("username", "decision"), [("declines", "approve"), ("ana", "decline")], ids=["code refused", "declined"]
)
def test_a_psu_who_does_not_consent_gives_nothing(
    stack: Stack, api_key: str, client: ContractClient, username: str, decision: Any
) -> None:
    connection = stack.connect(api_key, bank_id="raiffeisen-ba", username=username, decision=decision)

    assert connection.callback == {
        "consentId": connection.consent_id,
        "status": "error",
        "code": "PSU_DECLINED",
    }
    consent = client.get(f"/consents/{connection.consent_id}").json()
    assert (consent["status"], consent["error"]["code"]) == ("error", "PSU_DECLINED")
    assert (consent["activatedAt"], consent["nextSyncAt"], consent["accountIds"]) == (None, None, [])
    assert client.get("/accounts").json()["data"] == []


def test_failing_banks_delay_no_other(
    stack: Stack, operations: Operations, api_key: str, client: ContractClient
) -> None:
    """All in one organisation; the bank that hangs is connected first, the good one last."""
    failing = [
        connect(stack, api_key, bank_id=bank_id, username=username)
        for bank_id, username in (
            ("raiffeisen-ba", "slow"),
            ("intesa-rs", "slow"),
            ("nlb-si", "fails"),
            ("erste-hr", "html"),
        )
    ]
    good = connect(stack, api_key, bank_id="erste-hr", username="ana")

    stack.wait_synced(api_key, good)

    reading.require_all_books(client, good, bank_id="erste-hr", username="ana", limit=500)
    organisation_id = operations.organisation_id(api_key)
    assert operations.consent(organisation_id, good)["failedSyncs"] == 0
    listed = client.get("/consents").json()["data"]
    assert {consent["id"]: consent["status"] for consent in listed} == dict.fromkeys(
        (*failing, good), "active"
    )
    assert {account["consentId"] for account in client.get("/accounts").json()["data"]} == {good}
    end(client, *failing)


def test_an_unknown_bank_is_the_clients_mistake(client: ContractClient) -> None:
    refused = client.post("/consents", json={"bankId": "erste-xx", "callbackUrl": CALLBACK_URL})

    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert [detail["field"] for detail in refused.json()["error"]["details"]] == ["bankId"]
