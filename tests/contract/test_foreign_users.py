"""The operations that people call: nobody without a good token, nothing of another organisation, no bad input.

The operations come from the document, so that a new one is walked by itself.
"""

from __future__ import annotations

import base64
import hmac
import itertools
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from google.cloud.firestore import Client, DocumentReference
from joserfc import jwt
from joserfc.jwk import RSAKey

from shared.domain.ids import Prefix, new_id
from shared.gcp import paths
from tests.contract import raw_http
from tests.contract.openapi import ContractClient, JsonObject, operations, takes_user, validate_reply
from tests.contract.people import Person, person
from tests.contract.refusals import has_code, refused
from tests.contract.test_bad_requests import IDS_THAT_ARE_NONE
from tests.stack import Stack

pytestmark = pytest.mark.stack

PREFIXES: dict[str, Prefix] = {"userId": "usr", "invitationId": "inv", "keyId": "key", "accountId": "acc"}
GOOD_BODIES: dict[str, JsonObject] = {
    "createOrganisation": {"name": "Bilko"},
    "updateOrganisation": {"name": "Bilko"},
    "changeUserRole": {"role": "viewer"},
    "inviteUser": {"email": "petar@bilko.example", "role": "viewer"},
    "acceptInvitation": {"token": "tok_invitation_" + "A" * 43},
    "createKey": {"environment": "sandbox", "label": "CI"},
    "rotateKey": {"overlapSeconds": 60},
    "eraseOrganisation": {"confirm": "org_"},
}
ALL = [
    pytest.param(method, template, operation, id=operation["operationId"])
    for method, template, operation in operations()
    if takes_user(operation)
]
WITH_IDS = [each for each in ALL if "{" in each.values[1]]
IN_AN_ORGANISATION = [each for each in ALL if each.values[2]["x-tok-permission"] != "signed-in"]
WITH_BODY = [each for each in ALL if "requestBody" in each.values[2]]


@dataclass(frozen=True, kw_only=True)
class House(Person):
    """An owner whose organisation has one of everything."""

    organisation_id: str
    ids: dict[str, str]
    account: DocumentReference

    def everything(self) -> list[Any]:
        parts = ("", "/users", "/invitations", "/keys")
        kept = [self.client.get(f"/organisation{path}").json() for path in parts]
        return [*kept, self.account.get().to_dict()]


@pytest.fixture(scope="module")
def houses(stack: Stack) -> Iterator[tuple[House, House]]:
    with person(stack, "ana") as ana, person(stack, "eva") as eva, person(stack) as guest:
        data = stack.firestore("sandbox")
        yield _house(ana, guest, data), _house(eva, guest, data)


def _house(owner: Person, guest: Person, data: Client) -> House:
    made = owner.sign_up()
    invitation = owner.invite("waits@bilko.example", "viewer")
    guest.accept(owner.invite(guest.email, "viewer")["token"])
    users = owner.client.get("/organisation/users").json()["data"]
    account_id = new_id("acc")
    account = data.document(paths.account(made["id"], account_id))
    account.set({"id": account_id})
    return House(
        email=owner.email,
        token=owner.token,
        client=owner.client,
        stack=owner.stack,
        organisation_id=made["id"],
        account=account,
        ids={
            "userId": owner.user_id(),
            "invitationId": invitation["id"],
            "keyId": made["keys"][1]["id"],
            "accountId": account_id,
            "guest": next(user["id"] for user in users if user["email"] == guest.email),
        },
    )


def _path(template: str, ids: dict[str, str]) -> str:
    return template.removeprefix("/v1").format(**ids)


def _call(
    client: ContractClient, method: str, path: str, operation: JsonObject, **options: Any
) -> httpx.Response:
    return client.request(method, path, json=GOOD_BODIES.get(operation["operationId"]), **options)


def _without_request_id(reply: httpx.Response) -> tuple[int, list[str], Any]:
    body: JsonObject = reply.json()
    body["error"].pop("requestId")
    return reply.status_code, sorted(reply.headers), body


@pytest.mark.parametrize(("method", "template", "operation"), WITH_IDS)
def test_foreign_ids_answer_as_ids_that_do_not_exist(
    houses: tuple[House, House], method: str, template: str, operation: JsonObject
) -> None:
    own, foreign = houses
    before = foreign.everything()
    names = re.findall(r"\{([^{}]+)\}", template)
    assert set(names) <= set(PREFIXES), f"{template}: say here what its ids are"
    reply = _call(own.client, method, _path(template, foreign.ids), operation)
    has_code(reply, 404, "NOT_FOUND")
    nobodys = {name: new_id(PREFIXES[name]) for name in names}
    unknown = _call(own.client, method, _path(template, nobodys), operation)
    assert _without_request_id(reply) == _without_request_id(unknown)
    assert foreign.everything() == before
    assert foreign.ids[names[0]] in json.dumps(before), "the id must be a real one"


@pytest.mark.parametrize(("method", "template", "operation"), IN_AN_ORGANISATION)
def test_an_organisation_that_one_does_not_belong_to_does_not_exist(
    houses: tuple[House, House], method: str, template: str, operation: JsonObject
) -> None:
    own, foreign = houses
    before = foreign.everything()
    path = _path(template, foreign.ids)
    headers = {"X-Organisation-Id": foreign.organisation_id}
    reply = _call(own.client, method, path, operation, headers=headers)
    has_code(reply, 404, "NOT_FOUND")
    unknown = _call(own.client, method, path, operation, headers={"X-Organisation-Id": new_id("org")})
    assert _without_request_id(reply) == _without_request_id(unknown)
    assert foreign.everything() == before


@pytest.fixture(scope="module")
def bad_tokens(stack: Stack, houses: tuple[House, House]) -> list[str | None]:
    """Everything that could be taken for a person's token, and is none."""
    good, info = houses[0].token, stack.info
    header, payload, signature = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    kid = json.loads(base64.urlsafe_b64decode(header + "=="))["kid"]
    jwk = httpx.get(f"{info['userIssuer']}/certs", trust_env=False).json()["keys"][0]
    public = RSAKey.import_key(jwk).as_pem(private=False)
    service = httpx.get(
        f"{info['identityUrl']}/computeMetadata/v1/instance/service-accounts/ana@x.example/identity",
        params={"audience": info["userAudience"]},
        headers={"Metadata-Flavor": "Google"},
        trust_env=False,
    ).text
    stranger = RSAKey.generate_key(2048, parameters={"kid": kid}, private=True)

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    forged = part(claims | {"sub": "else"})
    return [
        None,
        "",
        "Bearer",
        good,
        f"Basic {good}",
        f"ApiKey {good}",
        f"Bearer {good} {good}",
        f"Bearer {header}.{payload}.",
        f"Bearer {header}.{forged}.{signature}",
        f"Bearer {part({'alg': 'none'})}.{payload}.",
        f"Bearer {part({'alg': 'none', 'kid': kid})}.{payload}.{signature}",
        f"Bearer {_signed_with_the_public_key(part({'alg': 'HS256', 'kid': kid}), payload, public)}",
        f"Bearer {jwt.encode({'alg': 'RS256', 'kid': kid}, claims, stranger)}",
        f"Bearer {jwt.encode({'alg': 'RS256', 'kid': 'unknown'}, claims, stranger)}",
        f"Bearer {service}",
        f"Bearer {stack.sign_in(houses[0].email, verified=False)}",
        "Bearer " + "x" * 7_000,
        "Bearer ...",
        "Bearer \xff.\xfe.a",
    ]


def _signed_with_the_public_key(header: str, payload: str, key: bytes) -> str:
    signature = hmac.digest(key, f"{header}.{payload}".encode(), "sha256")
    return f"{header}.{payload}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


@pytest.mark.parametrize(("method", "template", "operation"), ALL)
def test_no_operation_answers_without_a_good_token(
    houses: tuple[House, House],
    bad_tokens: list[str | None],
    anonymous: ContractClient,
    stack: Stack,
    method: str,
    template: str,
    operation: JsonObject,
) -> None:
    path = _path(template, houses[0].ids)
    for authorisation in [*bad_tokens, f"ApiKey {stack.info['sandboxApiKey']}"]:
        headers = {} if authorisation is None else {"Authorization": authorisation.encode("latin-1")}
        reply = _call(anonymous, method, path, operation, headers=headers)
        has_code(reply, 401, "INVALID_TOKEN")
        assert houses[0].token not in reply.text


def test_a_persons_token_opens_no_bank_data(houses: tuple[House, House]) -> None:
    for method, template, operation in operations():
        if not takes_user(operation) and operation.get("security") != []:
            path = re.sub(r"\{[^{}]+\}", "x", template).removeprefix("/v1")
            has_code(houses[0].client.request(method, path), 401, "INVALID_API_KEY")


@pytest.mark.parametrize(("method", "template", "operation"), ALL)
def test_parameters_that_are_none(
    houses: tuple[House, House], method: str, template: str, operation: JsonObject
) -> None:
    own = houses[0]
    before = own.everything()
    path = _path(template, own.ids)
    for query, field in (("x=1", "x"), ("limit%00=1", "limit?"), ("=1", "?")):
        refused(_call(own.client, method, f"{path}?{query}", operation), field)
    for name in (each["name"] for each in operation["parameters"] if each["in"] == "query"):
        refused(own.client.request(method, f"{path}?{name}=1&{name}=1"), name)
        for value in ("", "%00", "%FF", "x" * 3_000):
            reply = own.client.request(method, f"{path}?{name}={value}")
            if name == "cursor" and value != "%00":
                has_code(reply, 400, "INVALID_CURSOR")
            else:
                refused(reply, name)
    assert own.everything() == before


@pytest.mark.parametrize("bad", IDS_THAT_ARE_NONE, ids=lambda text: text[:40])
@pytest.mark.parametrize(("method", "template", "operation"), WITH_IDS)
def test_ids_that_are_none(
    stack: Stack, houses: tuple[House, House], method: str, template: str, operation: JsonObject, bad: str
) -> None:
    target = re.sub(r"\{[^{}]+\}", lambda _: bad, template)
    body = json.dumps(GOOD_BODIES.get(operation["operationId"], {})).encode()
    request = (
        f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Authorization: Bearer {houses[0].token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode("latin-1") + body
    reply = raw_http.exchange(stack.gateway_url, request)
    assert reply is not None
    validate_reply(method, target, reply)
    assert reply.status_code in (400, 404, 405)
    if "error" in json.loads(reply.content):
        assert reply.status_code != 400


@pytest.mark.parametrize(("method", "template", "operation"), WITH_BODY)
def test_bodies_that_are_none(
    houses: tuple[House, House], method: str, template: str, operation: JsonObject
) -> None:
    own = houses[0]
    before = own.everything()
    path = _path(template, own.ids)
    good = GOOD_BODIES[operation["operationId"]]
    json_type = {"Content-Type": "application/json"}
    for content in (b"", b"{", b"null", b"[]", b'"x"', b"\xff", b"[" * 100_000, b'{"a":"\\ud800"}'):
        for extra in ({}, {"Idempotency-Key": "bad-body"} if method == "POST" else {}):
            reply = own.client.request(method, path, content=content, headers={**json_type, **extra})
            refused(reply, "body", "a")
    reply = own.client.request(method, path, content=json.dumps(good), headers={"Content-Type": "text/plain"})
    has_code(reply, 415, "UNSUPPORTED_MEDIA_TYPE")
    reply = own.client.request(method, path, content=b" " * 300_000, headers=json_type)
    has_code(reply, 413, "PAYLOAD_TOO_LARGE")
    refused(own.client.request(method, path, json={**good, "extra": 1}), "extra")
    wrong: list[Any] = [1, True, {"a": 1}, [1], [[]], "", "x\x00"]
    for name, value in itertools.product(good, wrong):
        if isinstance(value, int) and isinstance(good[name], int) and not isinstance(value, bool):
            continue
        refused(own.client.request(method, path, json={**good, name: value}), name)
    if method == "POST":
        for key in ("", "two words", "x" * 256):
            headers = {"Idempotency-Key": key}
            refused(own.client.post(path, json=good, headers=headers), "Idempotency-Key")
    assert own.everything() == before


def test_a_token_counts_until_it_expires_and_no_longer(stack: Stack) -> None:
    """The issuer says an hour; that it is held to is shown in tests/unit/http/test_user_tokens.py."""
    claims = json.loads(base64.urlsafe_b64decode(stack.sign_in("ana@bilko.example").split(".")[1] + "=="))
    assert claims["exp"] - claims["iat"] == 3600
    assert abs(claims["iat"] - time.time()) < 60
