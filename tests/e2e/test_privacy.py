"""Owners take everything with them and have it erased, on the whole platform: gateway, functions, Scheduler, bank."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.erasures import SETTLE
from shared.gcp import paths
from tests.contract.people import Person, person
from tests.e2e.operations import Operations
from tests.everything import everything, mentions
from tests.stack import CALLBACK_URL, Stack, wait_for

pytestmark = pytest.mark.stack


@pytest.fixture
def meet(stack: Stack) -> Iterator[Callable[[str], Person]]:
    with ExitStack() as ending:
        yield lambda name: ending.enter_context(person(stack, name))


class Customer:
    """An organisation that people made, with a synced bank."""

    def __init__(self, stack: Stack, owner: Person, *, name: str) -> None:
        self.owner = owner
        made = owner.sign_up(name)
        self.organisation_id = made["id"]
        self.key = next(key["key"] for key in made["keys"] if key["environment"] == "sandbox")
        self.secrets = [key["key"] for key in made["keys"]]
        owner.client.patch(
            "/organisation", json={"callbackOrigins": [CALLBACK_URL.rpartition("/banking")[0]]}
        )
        self.consent_id = stack.connect(self.key).consent_id
        stack.wait_synced(self.key, self.consent_id)
        self._stack = stack

    def accounts(self) -> list[dict[str, Any]]:
        with self._stack.client(self.key) as client:
            accounts: list[dict[str, Any]] = client.get("/accounts").raise_for_status().json()["data"]
            return accounts

    def transactions(self, account_id: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        with self._stack.client(self.key) as client:
            for status in ("booked", "pending"):
                cursor = None
                while True:
                    params = {"limit": "500", "status": status} | ({"cursor": cursor} if cursor else {})
                    page = client.get(f"/accounts/{account_id}/transactions", params=params)
                    rows += page.raise_for_status().json()["data"]
                    cursor = page.json()["nextCursor"]
                    if cursor is None:
                        break
        return rows

    def export(self) -> dict[str, Any]:
        reply = self.owner.client.get("/organisation/export")
        assert reply.status_code == 200, reply.text
        with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        manifest = json.loads(files.pop("manifest.json"))
        assert manifest["nextCursor"] is None
        return {name: [json.loads(line) for line in text.splitlines()] for name, text in files.items()}


def test_an_owner_takes_everything_and_has_an_account_erased(
    stack: Stack, operations: Operations, meet: Callable[[str], Person]
) -> None:
    customer = Customer(stack, meet("ana"), name="Izvoz d.o.o.")
    accounts = customer.accounts()
    files = customer.export()
    assert files["accounts.jsonl"] == sorted(accounts, key=lambda account: str(account["id"]))
    listed = [row for account in accounts for row in customer.transactions(account["id"])]
    exported = files["transactions.jsonl"] + files.get("pendingTransactions.jsonl", [])
    assert sorted(exported, key=lambda row: row["id"]) == sorted(listed, key=lambda row: row["id"])
    assert [consent["id"] for consent in files["consents.jsonl"]] == [customer.consent_id]
    assert files["organisation.jsonl"][0]["name"] == "Izvoz d.o.o."
    assert "organisation.exported" in {entry["action"] for entry in files["audit.jsonl"]}
    text = json.dumps(files)
    assert not [secret for secret in customer.secrets if secret in text]
    assert "ciphertext" not in text

    erased, *kept = accounts
    path = f"/organisation/accounts/{erased['id']}/erasure"
    reply = customer.owner.client.put(path)
    assert (reply.status_code, reply.json()["status"]) == (200, "erased")
    assert customer.owner.client.put(path).json() == reply.json()
    assert customer.owner.client.get(path).json() == reply.json()
    assert [account["id"] for account in customer.accounts()] == [account["id"] for account in kept]
    # The other accounts' own movements name it where money went to it or came from it.
    movements = [f"{paths.account(customer.organisation_id, account['id'])}/" for account in kept]
    stored = {
        path: fields
        for path, (_, fields) in operations.documents(customer.organisation_id).items()
        if not path.startswith(tuple(movements))
    }
    assert mentions(stored, erased["iban"]) == {}
    actions = {entry["action"]: entry["targetId"] for entry in customer.owner.audit()}
    assert actions["account.erasure_requested"] == actions["account.erased"] == erased["id"]


def test_an_organisation_is_erased_by_its_owner_and_by_nobody_else(
    stack: Stack, operations: Operations, meet: Callable[[str], Person]
) -> None:
    owner, admin = meet("vlasnica"), meet("admin")
    customer = Customer(stack, owner, name="Odlazi d.o.o.")
    owner.add(admin, "admin")
    ibans = [account["iban"] for account in customer.accounts()]
    assert ibans
    bank_consent_id = operations.consent(customer.organisation_id, customer.consent_id)["bankConsentId"]
    confirm = {"confirm": customer.organisation_id}
    assert admin.client.put("/organisation/erasure", json=confirm).status_code == 403
    assert admin.client.get("/organisation/export").status_code == 403
    assert owner.client.put("/organisation/erasure", json={"confirm": "yes"}).status_code == 400
    assert owner.client.get("/organisation/erasure").status_code == 404
    reply = owner.client.put("/organisation/erasure", json=confirm)
    assert (reply.status_code, reply.json()["status"]) == (202, "erasing")
    assert owner.client.get("/organisation").json()["status"] == "erasing"
    assert owner.client.get("/organisation/erasure").json() == reply.json()
    refused = owner.client.post("/organisation/keys", json={"environment": "sandbox", "label": "x"})
    assert refused.status_code == 403

    record = operations.control.document(paths.organisation_erasure(customer.organisation_id))
    requested_at = record.get().get("requestedAt")
    record.update({"requestedAt": requested_at - SETTLE - timedelta(seconds=1)})

    def erased() -> bool:
        operations.tick("erase")
        return record.get().get("erasedAt") is not None

    wait_for(erased, what="the erasure")
    at_the_bank = operations.bank.collection("consents").document(bank_consent_id).get().get("status")
    assert at_the_bank == "terminatedByTpp"
    assert owner.client.get("/organisation").status_code == 404
    with stack.client(
        customer.key
    ) as client:  # the test went round the two minutes in which keys are forgotten
        wait_for(lambda: client.get("/accounts").status_code == 401, what="the end of the key")
    documents = everything(operations.data) | everything(operations.control)
    found = mentions(documents, "Odlazi d.o.o.", customer.consent_id, customer.organisation_id, owner.email)
    audit = f"organisations/{customer.organisation_id}/audit/"
    left = {path for paths_ in found.values() for path in paths_ if not path.startswith(audit)}
    # Requests with the key, until its end is known everywhere, are counted; the count removes itself within a day.
    assert left - {paths.rate_limit(customer.organisation_id)} == {record.path}
    assert {"Odlazi d.o.o.", owner.email}.isdisjoint(found)
    told = {path: fields for path, fields in documents.items() if path.startswith(audit)}
    assert mentions(told, *ibans) == {}
