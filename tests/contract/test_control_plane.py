"""The control plane through the gateway: sign-up, keys, people and their roles, the audit log."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.roles import LEAST_ROLE, ROLES, Role, may
from tests.contract.conftest import BANK, CALLBACK
from tests.contract.openapi import ContractClient, operations
from tests.contract.people import Person, person
from tests.contract.refusals import has_code, refused
from tests.stack import Stack, wait_for

pytestmark = pytest.mark.stack

_KEY_CACHE_SECONDS = 30


@pytest.fixture
def meet(stack: Stack) -> Iterator[Callable[[], Person]]:
    with ExitStack() as ending:
        yield lambda: ending.enter_context(person(stack))


@pytest.fixture
def owner(meet: Callable[[], Person]) -> Person:
    made = meet()
    made.sign_up()
    return made


def works(stack: Stack, key: str) -> bool:
    with stack.client(key) as client:
        return client.get("/banks").status_code == 200


def test_sign_up_gives_a_first_owner_and_a_pair_of_keys(stack: Stack, meet: Callable[[], Person]) -> None:
    ana = meet()
    has_code(ana.client.get("/organisation"), 404, "NOT_FOUND")
    made = ana.sign_up(" Bilko d.o.o. ")
    assert (made["name"], made["tier"], made["role"]) == ("Bilko d.o.o.", "free", "owner")
    assert [key["environment"] for key in made["keys"]] == ["live", "sandbox"]
    live, sandbox = (key["key"] for key in made["keys"])
    assert works(stack, sandbox)
    with stack.client(live) as client:
        assert "https://api.tokapi.io/v1" in client.get("/banks").json()["error"]["message"]

    organisation = ana.client.get("/organisation").json()
    assert organisation == {name: made[name] for name in organisation}
    assert ana.client.get("/organisations").json()["data"] == [organisation]
    (user,) = ana.client.get("/organisation/users").json()["data"]
    assert (user["email"], user["role"]) == (ana.email, "owner")
    listed = ana.client.get("/organisation/keys")
    assert live not in listed.text
    assert sandbox not in listed.text
    assert {key["id"] for key in listed.json()["data"]} == {key["id"] for key in made["keys"]}
    assert sorted(entry["action"] for entry in ana.audit()) == [
        "key.created",
        "key.created",
        "organisation.created",
    ]


def test_a_sign_up_that_is_sent_again_shows_the_same_keys(meet: Callable[[], Person]) -> None:
    ana, other = meet(), meet()
    headers = {"Idempotency-Key": str(uuid.uuid4())}

    def send(who: Person) -> str:
        return who.client.post("/organisations", json={"name": "Bilko"}, headers=headers).text

    with ThreadPoolExecutor(6) as threads:
        replies = set(threads.map(send, [ana] * 6))
    assert len(replies) == 1
    assert len(ana.client.get("/organisations").json()["data"]) == 1
    assert send(other) not in replies, "the key is each user's own"
    changed = ana.client.post("/organisations", json={"name": "Else"}, headers=headers)
    has_code(changed, 409, "IDEMPOTENCY_KEY_REUSED")


def test_name_and_callback_origins(owner: Person, stack: Stack) -> None:
    patch = owner.client.patch(
        "/organisation",
        json={"name": "Bilko", "callbackOrigins": ["HTTPS://App.Bilko.io:443/", "http://localhost:3000"]},
    )
    assert patch.json()["callbackOrigins"] == ["https://app.bilko.io", "http://localhost:3000"]
    assert owner.client.get("/organisation").json() == patch.json()
    key = owner.client.post("/organisation/keys", json={"environment": "sandbox", "label": "x"}).json()["key"]
    with ContractClient(stack.gateway_url, api_key=key) as client:
        refused(
            client.post("/consents", json={"bankId": BANK, "callbackUrl": "https://else.example/"}),
            "callbackUrl",
        )
        assert client.post("/consents", json={"bankId": BANK, "callbackUrl": CALLBACK}).status_code == 201
    for bad in (
        "http://app.bilko.io",
        "https://app.bilko.io/path",
        "https://a@b.io",
        "ftp://x.io",
        "x",
        "https://",
        "https://app.bilko.io?x",
    ):
        refused(owner.client.patch("/organisation", json={"callbackOrigins": [bad]}), "callbackOrigins")
    refused(owner.client.patch("/organisation", json={"tier": "enterprise"}), "tier")
    assert owner.client.get("/organisation").json()["tier"] == "free"
    assert owner.client.patch("/organisation", json={}).json() == patch.json()
    assert [entry["details"] for entry in owner.audit(action="organisation.updated")] == [
        {"fields": "name callbackOrigins"}
    ]


def test_keys_are_made_listed_and_revoked(owner: Person, stack: Stack) -> None:
    until = (datetime.now(UTC) + timedelta(days=30)).isoformat(timespec="seconds").replace("+00:00", "Z")
    made = owner.client.post(
        "/organisation/keys", json={"environment": "sandbox", "label": "CI", "expiresAt": until}
    ).json()
    assert made["expiresAt"] == until
    assert made["key"].startswith(made["prefix"])
    assert works(stack, made["key"])
    path = f"/organisation/keys/{made['id']}"
    for _ in range(2):
        assert owner.client.delete(path).status_code == 204
    listed = next(
        key for key in owner.client.get("/organisation/keys").json()["data"] if key["id"] == made["id"]
    )
    assert listed["revokedAt"] is not None
    assert "key" not in listed
    wait_for(
        lambda: not works(stack, made["key"]),
        what="the end of a revoked key",
        timeout_seconds=_KEY_CACHE_SECONDS + 15,
    )
    has_code(owner.client.post(f"{path}/rotate", json={}), 409, "CONFLICT")
    assert [entry["action"] for entry in owner.audit(actor=owner.user_id(), limit=2)] == [
        "key.revoked",
        "key.created",
    ]


def test_a_rotated_key_and_its_successor_are_both_valid_for_the_overlap(owner: Person, stack: Stack) -> None:
    old = owner.client.post("/organisation/keys", json={"environment": "sandbox", "label": "CI"}).json()
    path = f"/organisation/keys/{old['id']}/rotate"
    headers = {"Idempotency-Key": "rotate"}
    new = owner.client.post(path, json={"overlapSeconds": 3600}, headers=headers).json()
    assert owner.client.post(path, json={"overlapSeconds": 3600}, headers=headers).json() == new
    assert (new["label"], new["environment"]) == ("CI", "sandbox")
    assert works(stack, old["key"])
    assert works(stack, new["key"])
    listed = {key["id"]: key for key in owner.client.get("/organisation/keys").json()["data"]}
    assert listed[old["id"]]["replacedBy"] == new["id"]
    ends_in = datetime.fromisoformat(listed[old["id"]]["expiresAt"]) - datetime.now(UTC)
    assert timedelta(minutes=50) < ends_in <= timedelta(minutes=60)
    has_code(owner.client.post(path, json={}), 409, "CONFLICT")

    at_once = owner.client.post(f"/organisation/keys/{new['id']}/rotate", json={"overlapSeconds": 0}).json()
    assert works(stack, at_once["key"])
    wait_for(
        lambda: not works(stack, new["key"]),
        what="the end of a rotated key",
        timeout_seconds=_KEY_CACHE_SECONDS + 15,
    )


def test_the_day_of_a_keys_last_use_is_shown(owner: Person, stack: Stack) -> None:
    made = owner.client.post("/organisation/keys", json={"environment": "sandbox", "label": "used"}).json()

    def last_used() -> str | None:
        keys = owner.client.get("/organisation/keys").json()["data"]
        used: str | None = next(key["lastUsedOn"] for key in keys if key["id"] == made["id"])
        return used

    assert last_used() is None
    assert works(stack, made["key"])
    assert wait_for(last_used, what="the relay's tick") in {
        (datetime.now(UTC) - timedelta(days=day)).date().isoformat() for day in (0, 1)
    }


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
    assert all(permission in LEAST_ROLE for permission in LEAST_ROLE)


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


def test_the_audit_log_is_filtered_and_paged(owner: Person) -> None:
    for number in range(5):
        owner.client.patch("/organisation", json={"name": f"Name {number}"})
    everything = owner.audit()
    assert [entry["id"] for entry in everything] == sorted((e["id"] for e in everything), reverse=True)
    assert len(everything) == 8
    for entry in everything:
        assert entry["actor"] == {"kind": "user", "id": owner.user_id()}
        assert entry["requestId"].startswith("req_")
        assert entry["ipAddress"] == "127.0.0.1"
    paged: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = owner.client.get(
            "/organisation/audit", params={"limit": 2, "action": "organisation.updated", **cursor}
        ).json()
        paged += [entry["id"] for entry in page["data"]]
        if page["nextCursor"] is None:
            break
        cursor = {"cursor": page["nextCursor"]}
    assert paged == [entry["id"] for entry in everything if entry["action"] == "organisation.updated"]
    has_code(owner.client.get("/organisation/audit", params=cursor), 400, "INVALID_CURSOR")

    middle = everything[3]["at"]
    newer, older = owner.audit(**{"from": middle}), owner.audit(to=middle)
    assert everything == newer + older
    assert everything[3] in newer
    assert owner.audit(actor="usr_" + "0" * 26) == []
    for name, value in (
        ("action", "key.stolen"),
        ("from", "yesterday"),
        ("from", "2026-01-01T00:00:00"),
        ("to", "x"),
        ("actor", ""),
    ):
        refused(owner.client.get("/organisation/audit", params={name: value}), name)
    refused(owner.client.get("/organisation/audit", params={"from": middle, "to": middle}), "from")


def test_what_happens_to_consents_is_in_the_audit_log(owner: Person, stack: Stack) -> None:
    key = owner.client.post("/organisation/keys", json={"environment": "sandbox", "label": "x"}).json()
    connection = stack.connect(key["key"])
    with stack.client(key["key"]) as client:
        assert client.delete(f"/consents/{connection.consent_id}").status_code == 204
    told = [entry for entry in owner.audit() if entry["targetId"] == connection.consent_id]
    assert [(entry["action"], entry["actor"]) for entry in told] == [
        ("consent.revoked", {"kind": "key", "id": key["id"]}),
        ("consent.activated", {"kind": "psu", "id": None}),
        ("consent.created", {"kind": "key", "id": key["id"]}),
    ]
    assert all(entry["details"] == {"bankId": BANK} and entry["requestId"] for entry in told)


def test_a_keys_life_cannot_be_endless(owner: Person) -> None:
    for bad in ("2020-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "2030-01-01T00:00:00", "soon", 5):
        reply = owner.client.post(
            "/organisation/keys", json={"environment": "sandbox", "label": "x", "expiresAt": bad}
        )
        refused(reply, "expiresAt")
    for bad in (-1, 2592001, 1.5, "1", None, 10**30):
        reply = owner.client.post(
            "/organisation/keys/key_" + "0" * 26 + "/rotate", json={"overlapSeconds": bad}
        )
        refused(reply, "overlapSeconds")
    for label in ("", " ", "a\nb", "x" * 101, 1, None):
        refused(
            owner.client.post("/organisation/keys", json={"environment": "sandbox", "label": label}), "label"
        )


@pytest.mark.parametrize(
    "email",
    ["", "x", "a@b", "a@b@c.hr", "a b@c.hr", "@c.hr", "a@.hr", "a@c..hr", "<a@c.hr>", "č" * 300, 1, None],
)
def test_addresses_that_are_none(owner: Person, email: object) -> None:
    reply = owner.client.post("/organisation/invitations", json={"email": email, "role": "viewer"})
    refused(reply, "email")
