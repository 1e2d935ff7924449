"""OWASP API Security Top 10 (2023), each by its name. docs/security.md tells what else proves each of them."""

from __future__ import annotations

import json
import random
import string
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings
from werkzeug.test import TestResponse

from infra.gateway_document import render
from shared.banks.berlin_group.connector import BerlinGroupConnector
from shared.domain.api_keys import ApiKey, generate_key, hash_key
from shared.domain.consents import Consent
from shared.domain.errors import BankError, InvalidApiKey, NotFound
from shared.domain.organisations import Organisation
from shared.domain.roles import LEAST_ROLE, ROLES, may
from shared.domain.wanted_reads import asked_for
from shared.gcp.account_erasure_store import AccountErasureStore
from shared.gcp.export_sections import data_sections
from shared.gcp.raw_firestore import RawFirestore
from shared.gcp.transaction_pages import FirestoreTransactionPages
from shared.http.api_keys import ApiKeyAuthenticator
from shared.http.call import Call, Reply, json_reply
from shared.use_cases.erase_account import erase_account
from shared.use_cases.export_organisation import export_organisation
from shared.use_cases.list_transactions import BELOW_NOTHING, Range, list_booked, list_pending
from shared.use_cases.revoke_consent import revoke_consent
from tests.architecture.test_functions import ENVIRONMENT, MANIFEST, ROOT
from tests.contract.conftest import BANK, CALLBACK
from tests.contract.openapi import ContractClient, document, operations
from tests.contract.refusals import has_code, refused
from tests.fakes.bank import bank_transaction
from tests.fakes.clock import FakeClock
from tests.unit.banks.berlin_group.test_connector import (
    CONSENTS,
    CREATED,
    TRANSACTIONS,
    connector_at,
    consent_answers,
)
from tests.unit.banks.berlin_group.test_connector import start as start_at_bank
from tests.unit.banks.scripted_bank import ACCESS, ACCOUNT, json_answer
from tests.unit.control_plane import origin_of, person
from tests.unit.http.test_api import HEADERS, SECRET
from tests.unit.http.test_api import client as edge
from tests.unit.use_cases.conftest import World


def test_api1_broken_object_level_authorization(
    world: World, new_world: Callable[[], World], raw: RawFirestore
) -> None:
    """Whoever knows another organisation's ids learns and changes nothing, below the edge too."""
    world.bank.booked["resource-1"] = [bank_transaction(1, world.clock.now().date())]
    consent = world.active_consent()
    assert world.sync(consent) == "synced"
    account_id = world.account_id()
    other = new_world().organisation_id
    pages = FirestoreTransactionPages(raw)

    assert world.accounts.find(other, account_id) is None
    assert world.accounts.list(other, limit=10, after=None) == []
    assert world.consents.find(other, consent.id) is None
    assert world.consents.sealed_tokens(other, consent.id) is None
    assert list(export_organisation(other, sections=data_sections(world.data, at=world.clock.now()))) == []
    for listing in (list_booked, list_pending):
        with pytest.raises(NotFound):
            listing(other, account_id, Range(below=BELOW_NOTHING, limit=10), pages=pages, clock=world.clock)
    with pytest.raises(NotFound):
        revoke_consent(
            other,
            consent.id,
            banks=world.bank,
            consents=world.consents,
            healths=world.healths,
            clock=world.clock,
        )
    with pytest.raises(NotFound):
        erase_account(
            other,
            account_id,
            origin=origin_of(person("stranac")),
            until=world.clock.now() + timedelta(minutes=1),
            accounts=world.accounts,
            erasures=AccountErasureStore(world.data, raw),
            consents=world.consents,
            clock=world.clock,
        )
    assert world.bank.revoked == []
    assert len(world.rows(account_id)) == 1


def test_api2_broken_authentication() -> None:
    """Of 10,000 keys that are one edit away from a good one, none counts, and none costs a look-up but by chance."""
    good = generate_key("sandbox")
    looked_up: list[str] = []

    class Keys:
        def find(self, key_hash: str) -> ApiKey | None:
            looked_up.append(key_hash)
            if key_hash != hash_key(good):
                return None
            return ApiKey(id="key_1", organisation_id="org_1", environment="sandbox")

    authenticator = ApiKeyAuthenticator(Keys(), environment="sandbox", clock=FakeClock())
    assert authenticator.authenticate(f"ApiKey {good}").organisation_id == "org_1"
    chance = random.Random(20231)
    accepted = 0
    for _ in range(10_000):
        bad = _edited(good, chance)
        if bad == good:
            continue
        try:
            authenticator.authenticate(f"ApiKey {bad}")
            accepted += 1
        except InvalidApiKey:
            pass
    assert accepted == 0
    assert len(looked_up) < 10
    for authorization in (
        None,
        "",
        good,
        f"Bearer {good}",
        f"Basic {good}",
        "ApiKey",
        f"ApiKey {good} {good}",
    ):
        with pytest.raises(InvalidApiKey):
            authenticator.authenticate(authorization)


def _edited(key: str, chance: random.Random) -> str:
    position = chance.randrange(len(key))
    letter = chance.choice(string.ascii_letters + string.digits + "_- \x00č")
    match chance.randrange(5):
        case 0:
            return key[:position] + letter + key[position + 1 :]
        case 1:
            return key[:position] + letter + key[position:]
        case 2:
            return key[:position] + key[position + 1 :]
        case 3:
            return key[:position]
        case _:
            return key[:position] + key[position:].swapcase()


@pytest.mark.stack
def test_api3_broken_object_property_level_authorization(visitor: ContractClient) -> None:
    """A client sets nothing that is Tok's to set, and is shown nothing of how Tok works. (That each reply holds the
    properties of the document and no other is checked on every reply by ContractClient.)"""
    body = {"bankId": BANK, "callbackUrl": CALLBACK}
    for field in msgspec.structs.fields(Consent):
        if field.encode_name not in body:
            refused(visitor.post("/consents", json=body | {field.encode_name: "x"}), field.encode_name)
    assert visitor.get("/consents").json()["data"] == []
    shown = set(document()["components"]["schemas"]["ConsentFields"]["properties"])
    internal = {field.encode_name for field in msgspec.structs.fields(Consent)} - shown
    assert {"bankConsentId", "lease", "organisationId", "erasedAccountIds"} <= internal
    settable = set(document()["components"]["schemas"]["OrganisationChange"]["properties"])
    assert settable == {"name", "callbackOrigins"}
    assert not settable & ({field.encode_name for field in msgspec.structs.fields(Organisation)} - settable)


@pytest.mark.stack
def test_api4_unrestricted_resource_consumption(visitor: ContractClient) -> None:
    for limit in ("0", "501", "1000000", "-1"):
        refused(visitor.get("/accounts", params={"limit": limit}), "limit")
    huge = b'{"bankId":"' + b"x" * 300_000 + b'"}'
    reply = visitor.post("/consents", content=huge, headers={"Content-Type": "application/json"})
    has_code(reply, 413, "PAYLOAD_TOO_LARGE")
    deep = b"[" * 100_000 + b"]" * 100_000
    refused(visitor.post("/consents", content=deep, headers={"Content-Type": "application/json"}), "body")
    for name, entry in MANIFEST["functions"].items():
        assert entry["max_instances"] <= 100, name
        assert entry["timeout_seconds"] <= 600, name


def test_api5_broken_function_level_authorization() -> None:
    """Every operation of the control plane names what it takes, nobody below has it, and no gateway leads to what only
    the platform calls."""
    addresses = {name: f"https://{name}.example" for name in MANIFEST["functions"]}
    routed = render(document(), MANIFEST, addresses=addresses)
    backends = set(routed["x-google-api-management"]["backends"])
    assert backends == {
        name for name, entry in MANIFEST["functions"].items() if entry["trigger"] == "gateway"
    }
    for permission, least in LEAST_ROLE.items():
        allowed = [role for role in ROLES if may(role, permission)]
        assert allowed == list(ROLES[: ROLES.index(least) + 1])
    for _, _, operation in operations():
        if operation["x-google-backend"] in ("organisation", "privacy"):
            assert operation["security"] == [{"userToken": []}]
            assert operation["x-tok-permission"] in {*LEAST_ROLE, "signed-in"}


def test_api6_unrestricted_access_to_sensitive_business_flows(world: World) -> None:
    """A client that asks for an account all day long does not spend the bank's patience: four reads in 24 hours."""
    world.bank.booked["resource-1"] = [bank_transaction(1, world.clock.now().date())]
    consent = world.active_consent()
    world.sync(consent)
    account_id = world.account_id()
    ends_at = world.clock.now() + timedelta(hours=24)
    world.bank.calls.clear()
    while world.clock.now() < ends_at:
        stored = world.consents.find(world.organisation_id, consent.id)
        assert stored is not None
        wanted = asked_for(stored.consent, account_id=account_id, at=world.clock.now(), psu_ip_address=None)
        world.consents.save(wanted, replacing=stored, at=world.clock.now())
        world.sync(consent, task=f"asked-{world.clock.now():%H%M}")
        world.clock.move(timedelta(minutes=15))
    assert 1 <= sum(call.startswith("balances") for call in world.bank.calls) <= 4


@pytest.mark.parametrize(
    "href",
    [
        "http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token",
        "http://metadata.google.internal/computeMetadata/v1/",
        "https://127.0.0.1/psd2/v1/accounts",
        "https://[::1]/",
        "https://bank.example.evil.example/psd2",
        "https://bank.example@evil.example/psd2",
        "https://evil.example\\@bank.example/psd2",
        "https://bank.example:8443/psd2",
        "http://bank.example/psd2",
        "//evil.example/psd2",
        "file:///etc/passwd",
        "gopher://bank.example/_x",
        "https://bank.example\r\n.evil.example/",
    ],
)
def test_api7_server_side_request_forgery(href: str) -> None:
    """A bank that has been taken over may write any address into its links: nothing is asked but its own origin."""
    bank, connector = connector_at(
        consent_answers({**CREATED, "_links": {"scaOAuth": {"href": href}}})
        | {
            ("GET", TRANSACTIONS): json_answer(
                {"transactions": {"booked": [], "_links": {"next": {"href": href}}}}
            )
        }
    )
    with pytest.raises(BankError):
        start_at_bank(connector)
    with pytest.raises(BankError):
        _read_two_pages(connector)
    assert {(request.url.scheme, request.url.host, request.url.port) for request in bank.requests} == {
        ("https", "bank.example", None)
    }


def _read_two_pages(connector: BerlinGroupConnector) -> None:
    today = FakeClock().now().date()
    page = connector.transactions_page(ACCESS, ACCOUNT, status="booked", date_from=today)
    assert page.next_page is not None
    connector.transactions_page(ACCESS, ACCOUNT, status="booked", date_from=today, page=page.next_page)


def test_api8_security_misconfiguration() -> None:
    """Whatever happens, the reply is JSON with the security headers, and says nothing of what runs inside."""

    def fails(call: Call) -> Reply:
        raise RuntimeError(f"secret {SECRET} in {__file__}")

    def ok(call: Call) -> Reply:
        return json_reply({"ok": True})

    replies: list[TestResponse] = [
        edge(ok).get("/v1/things/1", headers=HEADERS),
        edge(fails).get("/v1/things/1", headers=HEADERS),
        edge(ok).get("/v1/things/1"),
        edge(ok).get("/v1/things/1", headers=HEADERS | {"X-Forwarded-Authorization": "ApiKey x"}),
        edge(ok).get("/v1/other", headers=HEADERS),
        edge(ok).delete("/v1/things/1", headers=HEADERS),
        edge(ok).get("/v1/things/1?__debugger__=yes&cmd=resource", headers=HEADERS),
    ]
    assert [reply.status_code for reply in replies] == [200, 500, 403, 401, 404, 405, 400]
    for reply in replies:
        assert reply.headers["Cache-Control"] == "no-store"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert "max-age" in reply.headers["Strict-Transport-Security"]
        assert reply.mimetype == "application/json"
        assert "Access-Control-Allow-Origin" not in reply.headers
        assert "Set-Cookie" not in reply.headers
        for inside in (SECRET, "Traceback", "RuntimeError", "werkzeug", __file__):
            assert inside not in reply.get_data(as_text=True)


@pytest.mark.parametrize(
    "name", [name for name, entry in MANIFEST["functions"].items() if entry["trigger"] == "gateway"]
)
def test_api9_improper_inventory_management(name: str) -> None:
    """What a function serves is what the document says that it serves: nothing old, hidden or forgotten."""
    program = (
        "import json, main; print(json.dumps([[rule.rule, sorted(rule.methods - {'HEAD', 'OPTIONS'})]"
        " for rule in main.api._routes.iter_rules()]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT / "functions" / name,
        env=ENVIRONMENT | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    served = {
        (method, rule.replace("<", "{").replace(">", "}"))
        for rule, methods in json.loads(done.stdout)
        for method in methods
    }
    documented = {
        (method, _snake(template))
        for method, template, operation in operations()
        if operation["x-google-backend"] == name
    }
    assert served == documented


def _snake(template: str) -> str:
    inside, out = False, ""
    for character in template:
        inside = (inside or character == "{") and character != "}"
        out += f"_{character.lower()}" if inside and character.isupper() else character
    return out


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(max_size=8) | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["transactions", "booked", "pending", "accounts", "account", "balances", "_links", "next", "href",
                 "transactionAmount", "amount", "currency", "bookingDate", "valueDate", "iban", "resourceId",
                 "balanceAmount", "balanceType", "transactionId", "access_token", "expires_in", "consentId"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
@settings(max_examples=300, deadline=None)
def test_api10_unsafe_consumption_of_apis(answer: Any) -> None:
    """Whatever JSON a bank answers, Tok makes sense of it or says that the bank failed: nothing else comes of it."""
    answers = {
        ("GET", "/psd2/v1/accounts"): json_answer(answer),
        ("GET", "/psd2/v1/accounts/account-1/balances"): json_answer(answer),
        ("GET", TRANSACTIONS): json_answer(answer),
        ("POST", CONSENTS): json_answer(answer, 201),
        ("GET", f"{CONSENTS}/c-1"): json_answer(answer),
        ("POST", "/psd2/oauth2/token"): json_answer(answer),
    }
    bank, connector = connector_at(answers)
    today = FakeClock().now().date()
    calls: list[Callable[[], object]] = [
        lambda: connector.accounts(ACCESS),
        lambda: connector.balances(ACCESS, ACCOUNT),
        lambda: connector.transactions_page(ACCESS, ACCOUNT, status="booked", date_from=today),
        lambda: connector.transactions_page(ACCESS, ACCOUNT, status="pending", date_from=today),
        lambda: start_at_bank(connector),
        lambda: connector.refresh(refresh_token="r"),
    ]
    for call in calls:
        try:
            call()
        except BankError as error:
            assert not isinstance(answer, str) or len(answer) < 4 or answer not in str(error)
    assert {request.url.host for request in bank.requests} <= {"bank.example"}
