"""No token, code, key, state or password stands in anything that the stack writes or answers, but where it must."""

from __future__ import annotations

import contextlib
import json
import secrets as random_values
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from google.cloud.firestore_v1.base_query import FieldFilter

from localcloud.stack import psu
from shared.domain.oauth_states import hash_state
from shared.gcp import paths
from tests.contract.openapi import ContractClient
from tests.e2e import books
from tests.e2e.leaks import found_in_folder, found_in_replies
from tests.e2e.operations import Operations
from tests.stack import CALLBACK_URL, Stack

pytestmark = pytest.mark.stack


class Recorder:
    """A client that keeps every reply, headers and all."""

    def __init__(self, stack: Stack, *, api_key: str) -> None:
        self.replies: list[bytes] = []
        self.client = ContractClient(stack.gateway_url, api_key=api_key)
        self.client.event_hooks["response"].append(self._keep)

    def _keep(self, reply: httpx.Response) -> None:
        headers = b"\n".join(name + b": " + value for name, value in reply.headers.raw)
        self.replies.append(headers + b"\n\n" + reply.read())


@pytest.fixture
def recorder(stack: Stack, api_key: str) -> Iterator[Recorder]:
    recorder = Recorder(stack, api_key=api_key)
    with recorder.client:
        yield recorder


def test_nothing_secret_is_written_or_answered(
    stack: Stack, operations: Operations, api_key: str, recorder: Recorder
) -> None:
    client, organisation_id = recorder.client, operations.organisation_id(api_key)
    # The client's own state is stored in the clear: it proves that the search sees what is stored.
    marker = f"marker-{random_values.token_hex(16)}"
    consents: dict[str, str] = {}
    states: dict[str, str] = {}
    for bank_id in books.BANK_IDS:
        consents[bank_id], states[bank_id] = connect(stack, client, bank_id=bank_id, client_state=marker)
    for consent_id in consents.values():
        stack.wait_synced(api_key, consent_id)
    for bank_id, consent_id in consents.items():
        before = sealed_tokens(operations, organisation_id, consent_id)
        expire_access_tokens(operations, organisation_id, consent_id)
        operations.wait_synced_anew(api_key, consent_id, since=datetime.now(UTC))
        assert sealed_tokens(operations, organisation_id, consent_id) != before, f"{bank_id} gave new tokens"
    read_everything(client)
    provoke_errors(stack, client, state=states["erste-hr"])

    known = {**stack_secrets(stack), "the organisation's API key": api_key}
    told = {f"the state at {bank_id}": state for bank_id, state in states.items()}
    assert found_in_folder(stack.folder, secrets=known) == []
    assert found_in_folder(stack.folder / "logs", secrets={**told, "the client's state": marker}) == []
    assert (
        found_in_replies([stack.folder.with_name(f"{stack.folder.name}.out").read_bytes()], secrets=known)
        == []
    )
    assert found_in_replies(recorder.replies, secrets=known) == []
    stored = str(operations.documents(organisation_id)) + str(
        [
            operations.data.document(paths.oauth_state(hash_state(state))).get().to_dict()
            for state in told.values()
        ]
    )
    assert marker in stored
    assert [what for what, state in told.items() if state in stored] == []
    seen = found_in_folder(stack.folder, secrets={"the client's state": marker})
    assert [hit for hit in seen if hit.startswith("firestore/firestore.sqlite3")]


@pytest.mark.parametrize(
    ("file", "what", "canary"),
    [
        ("logs/gateway.log", "a secret of a bank", "GET /v1/callback?code=sbac_{random}&state=x"),
        ("logs/sync_consent.log", "a secret of a bank", "Authorization: Bearer sbat_{random}"),
        ("logs/callback.log", "a secret of a bank", '{{"refresh_token":"sbrt_{random}"}}'),
        ("logs/consents.log", "an API key", "ApiKey tok_sandbox_{random:.38}"),
        ("gateway.json", "an API key", "tok_live_{random:.38}"),
        ("logs/sandbox_bank.log", "a login", "form_token=x&otp=123456"),
        ("logs/sandbox_bank.log", "a login", "{{'password': 'sandbox'}}"),
        ("logs/accounts.log", "an IBAN", "reading HR1210010051863000160 took 3 ms"),
        ("stack.json", "the client secret of nlb-si", "{secret}"),
    ],
)
def test_the_search_finds_what_was_planted(
    stack: Stack, tmp_path: Path, file: str, what: str, canary: str
) -> None:
    copy = tmp_path / "state"
    (copy / file).parent.mkdir(parents=True)
    shutil.copyfile(stack.folder / file, copy / file)
    known = stack_secrets(stack)
    assert found_in_folder(copy, secrets=known) == []

    with (copy / file).open("a") as planted:
        planted.write(
            canary.format(random=random_values.token_hex(22), secret=known["the client secret of nlb-si"])
        )

    [found] = found_in_folder(copy, secrets=known)
    assert found.startswith(f"{file}: {what}")


def test_the_search_sees_into_databases_and_their_logs(tmp_path: Path) -> None:
    database = tmp_path / "firestore.sqlite3"
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE documents (name TEXT, body BLOB)")
        assert found_in_folder(tmp_path, secrets={}) == []
        blob = b"\n\x08\x01" + f"sbrt_{random_values.token_urlsafe(32)}".encode() + b"\x00"
        connection.execute("INSERT INTO documents VALUES ('tokens', ?)", (blob,))
        in_log = found_in_folder(tmp_path, secrets={})
    in_file = found_in_folder(tmp_path, secrets={})

    assert [hit.partition(":")[0] for hit in in_log] == ["firestore.sqlite3-wal"]
    assert [hit.partition(":")[0] for hit in in_file] == ["firestore.sqlite3"]


def connect(stack: Stack, client: ContractClient, *, bank_id: str, client_state: str) -> tuple[str, str]:
    """(consent's id, the OAuth state)"""
    reply = client.post(
        "/consents",
        json={"bankId": bank_id, "callbackUrl": CALLBACK_URL, "state": client_state},
        headers={"Idempotency-Key": random_values.token_hex(8)},
    )
    started = reply.json()
    [state] = parse_qs(urlsplit(started["redirectUrl"]).query)["state"]
    back = stack.authorise(started["redirectUrl"], person=psu.Person())
    assert parse_qs(urlsplit(back).query) == {
        "consentId": [started["id"]],
        "status": ["active"],
        "state": [client_state],
    }
    return started["id"], state


def sealed_tokens(operations: Operations, organisation_id: str, consent_id: str) -> bytes:
    snapshot = operations.data.document(paths.consent_tokens(organisation_id, consent_id)).get()
    ciphertext: bytes = snapshot.get("ciphertext")
    return ciphertext


def expire_access_tokens(operations: Operations, organisation_id: str, consent_id: str) -> None:
    """At the bank, which then asks for a refresh."""
    bank_consent_id = operations.consent(organisation_id, consent_id)["bankConsentId"]
    tokens = operations.bank.collection("tokens")
    for token in tokens.where(filter=FieldFilter("consent_id", "==", bank_consent_id)).stream():
        if token.get("kind") == "access":
            token.reference.update({"expires_at": datetime.now(UTC) - timedelta(seconds=1)})


def read_everything(client: ContractClient) -> None:
    for account in client.get("/accounts").json()["data"]:
        client.get(f"/accounts/{account['id']}")
        for status in ("booked", "pending"):
            client.get(f"/accounts/{account['id']}/transactions", params={"status": status, "limit": 500})
    for consent in client.get("/consents").json()["data"]:
        client.get(f"/consents/{consent['id']}")
    client.get("/banks")


def provoke_errors(stack: Stack, client: ContractClient, *, state: str) -> None:
    """With secrets in every place where a request can hold one: none may be repeated or logged."""
    code = f"sbac_{random_values.token_urlsafe(32)}"
    someone = f"tok_sandbox_{random_values.token_hex(19)}"
    issuer = f"{stack.bank_url}/erste-hr"
    for query, status in (
        ({"state": state, "code": code, "iss": issuer}, 409),
        ({"state": state, "code": code, "iss": f"{stack.bank_url}/nlb-si"}, 400),
        ({"state": random_values.token_urlsafe(32), "code": code, "iss": issuer}, 400),
        ({"state": "x", "error": "server_error", "error_description": code}, 400),
    ):
        assert client.get("/callback", params=query).status_code == status
    for headers in ({"Authorization": f"ApiKey {someone}"}, {"Authorization": f"Bearer sbat_{someone[12:]}"}):
        assert client.get("/accounts", headers=headers).status_code == 401
    assert client.get(f"/accounts/{code}").status_code == 404
    assert client.get(f"/accounts/{code}/transactions").status_code == 404
    assert client.delete(f"/consents/{code}").status_code == 404
    assert client.get("/accounts", params={"cursor": code}).status_code == 400


def stack_secrets(stack: Stack) -> dict[str, str]:
    """What only the stack's own file of secrets may hold."""
    kept = json.loads((stack.folder / "secrets.json").read_text())
    clients = {
        f"the client secret of {bank_id}": secret for bank_id, (_, secret) in kept["bankClients"].items()
    }
    return {**clients, "the signing key": kept["signingKey"]}
