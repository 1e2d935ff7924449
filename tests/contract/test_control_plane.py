"""The control plane through the gateway: sign-up, keys, people and their roles, the audit log."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.conftest import BANK, CALLBACK
from tests.contract.openapi import ContractClient
from tests.contract.people import Person, meet, owner
from tests.contract.refusals import has_code, refused
from tests.e2e.operations import Operations
from tests.stack import ROOT, Stack, wait_for

__all__ = ["meet", "owner"]

pytestmark = pytest.mark.stack

_KEY_CACHE_SECONDS = 30


def works(stack: Stack, key: str, *, path: str = "/banks") -> bool:
    """Another path's function knows nothing of what this one remembers."""
    with stack.client(key) as client:
        return client.get(path).status_code == 200


def test_sign_up_gives_a_first_owner_and_a_pair_of_keys(stack: Stack, meet: Callable[[], Person]) -> None:
    ana = meet()
    has_code(ana.client.get("/organisation"), 404, "NOT_FOUND")
    made = ana.sign_up(" Bilko d.o.o. ", tier="free")
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
    refused(owner.client.patch("/organisation", json={"tier": "pro"}), "tier")
    assert owner.client.get("/organisation").json()["tier"] == "enterprise"
    assert owner.client.patch("/organisation", json={}).json() == patch.json()
    assert [entry["details"] for entry in owner.audit(action="organisation.updated")] == [
        {"fields": "name callbackOrigins"}
    ]


@pytest.mark.slow
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
    assert not works(stack, made["key"], path="/accounts"), "whoever has not seen it yet"
    wait_for(
        lambda: not works(stack, made["key"]),
        what="the end of a revoked key",
        timeout_seconds=_KEY_CACHE_SECONDS + 15,
        every_seconds=1,
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
    assert works(stack, at_once["key"], path="/accounts")
    assert not works(stack, new["key"], path="/accounts"), "whoever has not seen it yet"


def test_the_day_of_a_keys_last_use_is_shown(owner: Person, stack: Stack) -> None:
    made = owner.client.post("/organisation/keys", json={"environment": "sandbox", "label": "used"}).json()

    def last_used() -> str | None:
        keys = owner.client.get("/organisation/keys").json()["data"]
        used: str | None = next(key["lastUsedOn"] for key in keys if key["id"] == made["id"])
        return used

    assert last_used() is None
    assert works(stack, made["key"])
    operations = Operations(stack)

    def told() -> str | None:
        operations.tick("relay")
        return last_used()

    assert wait_for(told, what="the relay's tick") in {
        (datetime.now(UTC) - timedelta(days=day)).date().isoformat() for day in (0, 1)
    }


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


def test_nobody_chooses_the_address_that_the_audit_log_shows(owner: Person) -> None:
    forged = {
        "X-Forwarded-For": "198.51.100.66",
        "X-Real-IP": "198.51.100.66",
        "Forwarded": "for=198.51.100.66",
    }
    reply = owner.client.patch("/organisation", json={"name": "Nova d.o.o."}, headers=forged)
    assert reply.status_code == 200
    (entry,) = owner.audit(action="organisation.updated")
    assert entry["ipAddress"] == "127.0.0.1"


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


def test_an_operator_changes_the_tier_and_the_audit_log_says_so(owner: Person, stack: Stack) -> None:
    organisation_id = owner.client.get("/organisation").json()["id"]

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "infra.admin", "--operator", "mira", *arguments],
            cwd=ROOT,
            env={**os.environ, "LOCALCLOUD_DIR": str(stack.folder)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    for _ in range(2):
        done = run("set-tier", organisation_id, "pro")
        assert done.returncode == 0, done.stderr
        assert "pro tier" in done.stdout
    assert owner.client.get("/organisation").json()["tier"] == "pro"
    (entry,) = owner.audit(action="organisation.tier_changed")
    assert (entry["actor"], entry["details"]) == (
        {"kind": "operator", "id": "mira"},
        {"from": "enterprise", "to": "pro"},
    )
    assert run("set-tier", "org_" + "0" * 26, "pro").returncode == 1
    assert run("set-tier", organisation_id, "gold").returncode == 2


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
