"""People of an organisation through the gateway: invited, joined, given roles, removed; the last owner stays."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.domain.roles import ROLES, Role, may
from tests.contract.openapi import operations
from tests.contract.people import Person, meet, owner
from tests.contract.refusals import has_code, refused

__all__ = ["meet", "owner"]

pytestmark = pytest.mark.stack

_KEY_CACHE_SECONDS = 30


def test_an_invitation_works_once_for_its_own_address(meet: Callable[[], Person], owner: Person) -> None:
    petar, thief = meet(), meet()
    invitation = owner.invite(petar.email.upper(), "developer")
    assert invitation["email"] == petar.email
    assert invitation["url"].endswith(invitation["token"])
    assert invitation["token"] not in owner.client.get("/organisation/invitations").text
    has_code(thief.accept(invitation["token"]), 403, "FORBIDDEN")
    has_code(thief.client.get("/organisation"), 404, "NOT_FOUND")

    for _ in range(2):
        assert petar.accept(invitation["token"]).json()["role"] == "developer"
    assert petar.client.get("/organisation").json()["role"] == "developer"
    assert petar.client.delete("/organisation/membership").status_code == 204
    has_code(petar.client.get("/organisation"), 404, "NOT_FOUND")
    has_code(petar.accept(invitation["token"]), 409, "CONFLICT")
    (listed,) = owner.client.get("/organisation/invitations").json()["data"]
    assert listed["status"] == "accepted"
    has_code(owner.client.delete(f"/organisation/invitations/{listed['id']}"), 409, "CONFLICT")
    actions = [entry["action"] for entry in owner.audit(limit=3)]
    assert actions == ["user.left", "user.joined", "user.invited"]


def test_an_invitation_that_was_withdrawn_or_whose_maker_lost_the_right_is_none(
    meet: Callable[[], Person], owner: Person
) -> None:
    admin, petar = meet(), meet()
    withdrawn = owner.invite(petar.email, "viewer")
    for _ in range(2):
        assert owner.client.delete(f"/organisation/invitations/{withdrawn['id']}").status_code == 204
    has_code(petar.accept(withdrawn["token"]), 409, "CONFLICT")

    admin_id = owner.add(admin, "admin")
    has_code(
        admin.client.post("/organisation/invitations", json={"email": petar.email, "role": "owner"}),
        403,
        "FORBIDDEN",
    )
    invitation = admin.invite(petar.email, "admin")
    owner.client.patch(f"/organisation/users/{admin_id}", json={"role": "developer"})
    has_code(petar.accept(invitation["token"]), 409, "CONFLICT")


def test_an_invitation_has_one_effect_when_it_is_accepted_eight_times_at_once(
    meet: Callable[[], Person], owner: Person
) -> None:
    petar = meet()
    token = owner.invite(petar.email, "viewer")["token"]
    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda _: petar.accept(token), range(8)))
    assert {reply.status_code for reply in replies} == {200}, [reply.text for reply in replies]
    assert len(owner.client.get("/organisation/users").json()["data"]) == 2
    assert len(owner.audit(action="user.joined")) == 1


def test_two_owners_who_demote_each_other_at_once_leave_one(
    meet: Callable[[], Person], owner: Person
) -> None:
    other = meet()
    other_id, owner_id = owner.add(other, "owner"), owner.user_id()

    def demote(who: Person, whom: str) -> int:
        return who.client.patch(f"/organisation/users/{whom}", json={"role": "admin"}).status_code

    for _ in range(5):
        with ThreadPoolExecutor(2) as threads:
            first = threads.submit(demote, owner, other_id)
            second = threads.submit(demote, other, owner_id)
        assert sorted([first.result(), second.result()]) == [200, 403]
        users = {user["id"]: user["role"] for user in owner.client.get("/organisation/users").json()["data"]}
        assert sorted(users.values()) == ["admin", "owner"]
        promoter, whom = (owner, other_id) if users[owner_id] == "owner" else (other, owner_id)
        assert promoter.client.patch(f"/organisation/users/{whom}", json={"role": "owner"}).status_code == 200


def test_the_last_owner_stays(meet: Callable[[], Person], owner: Person) -> None:
    admin = meet()
    admin_id, owner_id = owner.add(admin, "admin"), owner.user_id()
    has_code(owner.client.delete("/organisation/membership"), 409, "CONFLICT")
    has_code(owner.client.delete(f"/organisation/users/{owner_id}"), 409, "CONFLICT")
    path = f"/organisation/users/{owner_id}"
    has_code(owner.client.patch(path, json={"role": "viewer"}), 409, "CONFLICT")
    has_code(admin.client.patch(path, json={"role": "viewer"}), 403, "FORBIDDEN")
    has_code(admin.client.delete(path), 403, "FORBIDDEN")
    has_code(admin.client.patch(f"/organisation/users/{admin_id}", json={"role": "owner"}), 403, "FORBIDDEN")
    assert owner.client.delete(f"/organisation/users/{admin_id}").status_code == 204
    has_code(admin.client.get("/organisation"), 404, "NOT_FOUND")


def test_every_operation_asks_for_its_role(meet: Callable[[], Person], owner: Person) -> None:
    """The document's `x-tok-permission`, with the one table, against what the API does."""
    people: dict[Role, Person] = {"owner": owner}
    for role in ROLES[1:]:
        people[role] = meet()
        owner.add(people[role], role)
    body = {
        "updateOrganisation": {},
        "changeUserRole": {"role": "viewer"},
        "inviteUser": {"email": "x", "role": "viewer"},
        "createKey": {"environment": "sandbox", "label": ""},
        "rotateKey": {},
    }
    nobodys = "01HXYZ00000000000000000000"
    for method, template, operation in operations():
        permission = operation.get("x-tok-permission")
        if permission in (None, "signed-in") or operation["operationId"] == "leaveOrganisation":
            continue
        path = template.removeprefix("/v1").format(
            userId=f"usr_{nobodys}",
            invitationId=f"inv_{nobodys}",
            keyId=f"key_{nobodys}",
            accountId=f"acc_{nobodys}",
        )
        for role, who in people.items():
            reply = who.client.request(method, path, json=body.get(operation["operationId"]))
            allowed = reply.status_code != 403
            assert allowed == may(role, permission), (operation["operationId"], role, reply.text)


def test_which_organisation_one_acts_in(meet: Callable[[], Person], owner: Person) -> None:
    other = meet()
    first = owner.client.get("/organisation").json()["id"]
    second = other.sign_up("Second")["id"]
    other_in_first = {"X-Organisation-Id": first}
    has_code(other.client.get("/organisation", headers=other_in_first), 404, "NOT_FOUND")
    for bad in ("x", "org_", f"org_{'0' * 26}", first.lower(), ""):
        has_code(other.client.get("/organisation", headers={"X-Organisation-Id": bad}), 404, "NOT_FOUND")

    owner.accept(other.invite(owner.email, "viewer")["token"])
    refused(owner.client.get("/organisation"), "X-Organisation-Id")
    for organisation_id, role in ((first, "owner"), (second, "viewer")):
        reply = owner.client.get("/organisation", headers={"X-Organisation-Id": organisation_id}).json()
        assert (reply["id"], reply["role"]) == (organisation_id, role)
    assert {each["id"] for each in owner.client.get("/organisations").json()["data"]} == {first, second}


@pytest.mark.parametrize(
    "email",
    ["", "x", "a@b", "a@b@c.hr", "a b@c.hr", "@c.hr", "a@.hr", "a@c..hr", "<a@c.hr>", "č" * 300, 1, None],
)
def test_addresses_that_are_none(owner: Person, email: object) -> None:
    reply = owner.client.post("/organisation/invitations", json={"email": email, "role": "viewer"})
    refused(reply, "email")
