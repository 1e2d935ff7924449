"""Every operation of the control plane that changes something is in the audit log once: who, what, from where, and in
which request. The operations are the document's, so that a new one without an entry fails here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from shared.gcp.audit_store import AuditStore
from tests.contract.openapi import operations
from tests.contract.people import Person, meet
from tests.stack import Stack, wait_for

__all__ = ["meet"]

pytestmark = pytest.mark.stack

TOLD = {
    "createOrganisation": "organisation.created",
    "updateOrganisation": "organisation.updated",
    "inviteUser": "user.invited",
    "withdrawInvitation": "invitation.withdrawn",
    "acceptInvitation": "user.joined",
    "changeUserRole": "user.role_changed",
    "removeUser": "user.removed",
    "leaveOrganisation": "user.left",
    "createKey": "key.created",
    "rotateKey": "key.rotated",
    "revokeKey": "key.revoked",
    "exportOrganisation": "organisation.exported",
    "eraseAccount": "account.erasure_requested",
    "eraseOrganisation": "organisation.erasure_requested",
}


def test_every_change_that_a_person_may_make_has_its_entry() -> None:
    changing = {
        operation["operationId"]
        for method, _, operation in operations()
        if "x-tok-permission" in operation and method != "GET"
    }
    assert set(TOLD) == changing | {"exportOrganisation"}


class Log:
    """What is new in an organisation's log, of what a person did."""

    def __init__(self, stack: Stack, owner: Person, organisation_id: str) -> None:
        self._store = AuditStore(stack.firestore("(default)"))
        self._owner = owner
        self.organisation_id = organisation_id
        self._seen: set[str] = set()
        self.operations: list[str] = []

    def expect(self, operation: str, reply: httpx.Response, *, by: str, target: str) -> httpx.Response:
        """One entry about `target` by `by`, and no other of that kind."""
        assert reply.is_success, (operation, reply.text)
        if operation == "eraseAccount":
            self._owner.audit()  # what is done to bank data comes by the relay
        entries = self._store.list(self.organisation_id, limit=100, before=None)
        new = [entry for entry in entries if entry.id not in self._seen]
        self._seen |= {entry.id for entry in new}
        (entry,) = (each for each in new if each.action == TOLD[operation])
        assert (entry.actor.kind, entry.actor.id, entry.target_id) == ("user", by, target), operation
        assert entry.ip_address == "127.0.0.1", operation
        assert entry.request_id == reply.headers["X-Request-Id"], operation
        self.operations.append(operation)
        return reply


def test_each_is_told_once_with_who_and_where_from(stack: Stack, meet: Callable[[], Person]) -> None:
    ana, eva, ivo, nobody = meet(), meet(), meet(), meet()
    made = ana.client.post("/organisations", json={"name": "Bilko d.o.o."})
    org = made.json()["id"]
    call, log = ana.client.request, Log(stack, ana, org)
    owner = ana.user_id()
    log.expect("createOrganisation", made, by=owner, target=org)
    renamed = call("PATCH", "/organisation", json={"name": "Bilko"})
    log.expect("updateOrganisation", renamed, by=owner, target=org)

    def invite(person: Person) -> dict[str, Any]:
        reply = call("POST", "/organisation/invitations", json={"email": person.email, "role": "admin"})
        invitation: dict[str, Any] = reply.json()
        log.expect("inviteUser", reply, by=owner, target=invitation["id"])
        return invitation

    withdrawn = invite(nobody)["id"]
    reply = call("DELETE", f"/organisation/invitations/{withdrawn}")
    log.expect("withdrawInvitation", reply, by=owner, target=withdrawn)
    for person in (eva, ivo):
        accepted = person.accept(invite(person)["token"])
        log.expect("acceptInvitation", accepted, by=person.user_id(), target=person.user_id())
    eva_id, ivo_id = eva.user_id(), ivo.user_id()
    changed = call("PATCH", f"/organisation/users/{eva_id}", json={"role": "viewer"})
    log.expect("changeUserRole", changed, by=owner, target=eva_id)
    log.expect("removeUser", call("DELETE", f"/organisation/users/{eva_id}"), by=owner, target=eva_id)
    log.expect(
        "leaveOrganisation",
        ivo.client.request("DELETE", "/organisation/membership"),
        by=ivo_id,
        target=ivo_id,
    )

    created = call("POST", "/organisation/keys", json={"environment": "sandbox", "label": "CI"})
    key = created.json()
    log.expect("createKey", created, by=owner, target=key["id"])
    rotated = call("POST", f"/organisation/keys/{key['id']}/rotate", json={})
    log.expect("rotateKey", rotated, by=owner, target=key["id"])
    revoked = call("DELETE", f"/organisation/keys/{key['id']}")
    log.expect("revokeKey", revoked, by=owner, target=key["id"])

    connection = stack.connect(rotated.json()["key"])
    assert connection.consent_id
    with stack.client(rotated.json()["key"]) as client:
        wait_for(lambda: bool(client.get("/accounts").json()["data"]), what="the accounts")
        account = client.get("/accounts").json()["data"][0]["id"]
    log.expect("exportOrganisation", call("GET", "/organisation/export"), by=owner, target=org)
    erased = call("PUT", f"/organisation/accounts/{account}/erasure")
    log.expect("eraseAccount", erased, by=owner, target=account)
    gone = call("PUT", "/organisation/erasure", json={"confirm": org})
    log.expect("eraseOrganisation", gone, by=owner, target=org)
    assert set(log.operations) == set(TOLD)
