"""firestore.indexes.json against what the adapters ask for, and what they store.

Every method of shared/gcp that builds a query is driven here, on a Firestore that refuses a query without its index;
a query that is not driven fails a test of its own. To add one: a line in QUERIES, and, where it is refused, the entry
that the refusal prints.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from google.cloud.firestore import Client

from localcloud.firestore.background import serve_in_background
from localcloud.firestore.engine import Engine
from localcloud.firestore.indexes import DeclaredIndexes
from shared.domain.consents import shard_of
from shared.domain.idempotency import IdempotencyRecord
from shared.domain.oauth_states import OAuthState
from shared.gcp import clients
from shared.gcp.account_erasure_store import AccountErasureStore
from shared.gcp.audit_store import AuditStore
from shared.gcp.export_sections import data_sections
from shared.gcp.idempotency_store import IdempotencyStore
from shared.gcp.invitation_store import InvitationStore
from shared.gcp.key_store import KeyStore
from shared.gcp.oauth_state_store import OAuthStateStore
from shared.gcp.organisation_data_store import OrganisationDataStore
from shared.gcp.organisation_erasure_store import OrganisationErasureStore
from shared.gcp.organisation_store import OrganisationStore
from shared.gcp.relay_store import RelayStore
from shared.gcp.transaction_pages import FirestoreTransactionPages
from shared.use_cases.list_transactions import BELOW_NOTHING
from tests.everything import everything
from tests.fakes.bank import bank_transaction
from tests.localcloud.firestore.serving import connect
from tests.unit.control_plane import ControlPlane, person
from tests.unit.firestore import INDEXES, raw_beside
from tests.unit.use_cases.conftest import World
from xs2a_bank.firestore_store import COLLECTIONS as BANK_COLLECTIONS

ADAPTERS = Path(clients.__file__).parent
PROJECT = "tok-indexes"
_QUERYING = {
    "stream",
    "collection_group",
    "ascending",
    "descending",
    "descendants",
    "list_documents",
    "count",
    "sum",
    "avg",
    "get_partitions",
    "where",
}

Query = Callable[["Driven"], object]


def _audit(on: Driven, **filters: Any) -> object:
    return AuditStore(on.data).list(on.organisation_id, limit=2, **filters)


QUERIES: dict[tuple[str, str], tuple[Query, ...]] = {
    ("account_store.py", "list"): (
        lambda on: on.world.accounts.list(on.organisation_id, limit=2, after=None),
        lambda on: on.world.accounts.list(on.organisation_id, limit=2, after="acc_0"),
    ),
    ("consent_store.py", "list"): (
        lambda on: on.world.consents.list(on.organisation_id, limit=2, before=None),
        lambda on: on.world.consents.list(on.organisation_id, limit=2, before="con_9"),
    ),
    ("consent_store.py", "due"): (
        lambda on: list(
            on.world.consents.due(
                shard=shard_of(on.consent_id), at=on.world.clock.now() + timedelta(days=2), page_size=1
            )
        ),
    ),
    ("consent_store.py", "history"): (
        lambda on: on.world.consents.history(on.organisation_id, on.consent_id, limit=1, before=None),
        lambda on: on.world.consents.history(on.organisation_id, on.consent_id, limit=1, before=2),
    ),
    ("sync_store.py", "books"): (
        lambda on: on.world.store.books(on.organisation_id, on.account_id, since=on.world.clock.now().date()),
    ),
    ("transaction_pages.py", "_query"): (
        lambda on: list(
            FirestoreTransactionPages(on.raw)
            .newest(on.organisation_id, on.account_id, below=BELOW_NOTHING, read_ahead=2)
            .leaves
        ),
    ),
    ("account_erasure_store.py", "open"): (lambda on: list(AccountErasureStore(on.data, on.raw).open()),),
    ("account_erasure_store.py", "consents_of_bank"): (
        lambda on: list(AccountErasureStore(on.data, on.raw).consents_of_bank(on.organisation_id, "fake-hr")),
    ),
    ("export_sections.py", "_documents"): (
        lambda on: [
            list(section.read(on.organisation_id, after=None))
            for section in data_sections(on.data, at=on.world.clock.now())
        ],
        lambda on: [
            list(section.read(on.organisation_id, after="a"))
            for section in data_sections(on.data, at=on.world.clock.now())
        ],
    ),
    ("export_sections.py", "_pages"): (),  # the same
    ("organisation_data_store.py", "consents"): (
        lambda on: list(OrganisationDataStore(on.data, on.raw).consents(on.organisation_id)),
    ),
    ("organisation_data_store.py", "purge"): (
        lambda on: OrganisationDataStore(on.data, on.raw).purge(
            "org_other", until=on.world.clock.now(), clock=on.world.clock
        ),
    ),
    ("organisation_erasure_store.py", "open"): (
        lambda on: list(OrganisationErasureStore(on.data, on.raw).open()),
    ),
    ("organisation_erasure_store.py", "close_access"): (
        lambda on: OrganisationErasureStore(on.data, on.raw).close_access(on.leaving_id),
    ),
    ("organisation_erasure_store.py", "purge"): (
        lambda on: OrganisationErasureStore(on.data, on.raw).purge(
            on.leaving_id, until=on.world.clock.now() + timedelta(hours=1), clock=on.world.clock
        ),
    ),
    ("organisation_erasure_store.py", "_forget_person"): (),  # the same
    ("organisation_erasure_store.py", "_forget_addresses"): (),  # the same
    ("purge.py", "purge_below"): (),  # the same
    ("purge.py", "purge_found"): (),  # the same
    ("audit_store.py", "list"): tuple(
        partial(_audit, action=action, actor_id=actor_id, first_id=first_id, before=before)
        for action in (None, "key.created")
        for actor_id in (None, "usr_1")
        for first_id in (None, "aud_0")
        for before in (None, "aud_9")
    ),
    ("invitation_store.py", "list"): (
        lambda on: InvitationStore(on.data).list(on.organisation_id, limit=2, before=None),
        lambda on: InvitationStore(on.data).list(on.organisation_id, limit=2, before="inv_9"),
    ),
    ("key_store.py", "list"): (
        lambda on: KeyStore(on.data).list(on.organisation_id, limit=2, before=None),
        lambda on: KeyStore(on.data).list(on.organisation_id, limit=2, before="key_9"),
    ),
    ("key_store.py", "_looked_up"): (
        lambda on: KeyStore(on.data).record_use(on.signed_up_id, on.key_id, on=date(2026, 11, 24)),
    ),
    ("organisation_store.py", "list_users"): (
        lambda on: OrganisationStore(on.data).list_users(on.organisation_id, limit=2, before=None),
        lambda on: OrganisationStore(on.data).list_users(on.organisation_id, limit=2, before="usr_9"),
    ),
    ("organisation_store.py", "roster"): (lambda on: OrganisationStore(on.data).roster(on.organisation_id),),
    ("relay_store.py", "audit_entries"): (lambda on: RelayStore(on.data).audit_entries(limit=2),),
    ("relay_store.py", "audit_entries_of"): (
        lambda on: RelayStore(on.data).audit_entries_of(on.organisation_id, limit=2),
    ),
    ("relay_store.py", "key_uses"): (lambda on: list(RelayStore(on.data).key_uses(limit=2)),),
    ("raw_firestore.py", "ascending"): (),  # what account_store.py asks through it
    ("raw_firestore.py", "descending"): (),  # what transaction_pages.py asks through it
    ("raw_firestore.py", "descendants"): (),  # what purge.py asks through it
}


class Driven:
    """An organisation with a synced account, and the adapters on its database."""

    def __init__(self, data: Client) -> None:
        self.data = data
        self.raw = raw_beside(data)
        self.world = World(data)
        self.organisation_id = self.world.organisation_id
        now = self.world.clock.now()
        self.world.bank.booked["resource-1"] = [
            bank_transaction(number, now.date() - timedelta(days=number)) for number in range(30)
        ]
        consent = self.world.active_consent()
        self.consent_id = consent.id
        assert self.world.sync(consent) == "synced"
        (self.account_id,) = [
            account.id for account in self.world.accounts.list(self.organisation_id, limit=9, after=None)
        ]
        owner = person("vlasnik")
        control = ControlPlane(data, self.world.clock)
        signed_up = control.sign_up(owner)
        control.invite(signed_up.organisation.id, by=owner, email="nova@client.example")
        self.leaving_id = control.sign_up(person("odlazi")).organisation.id
        self.signed_up_id = signed_up.organisation.id
        self.key_id = signed_up.keys[0].details.id
        OAuthStateStore(data).create(
            "a" * 64,
            OAuthState(
                organisation_id=self.organisation_id,
                consent_id=consent.id,
                bank_consent_id="b",
                issuer="https://bank.example",
                issuer_in_response=True,
                expires_at=now,
            ),
        )
        IdempotencyStore(data).create(
            self.organisation_id,
            "b" * 64,
            IdempotencyRecord(
                request_hash="c", effect_id=consent.id, started_at=now, delete_at=now, sealed_body=b"sealed"
            ),
        )


@pytest.fixture(scope="module")
def indexes() -> DeclaredIndexes:
    return DeclaredIndexes.load(INDEXES)


@pytest.fixture(scope="module")
def driven(indexes: DeclaredIndexes) -> Iterator[Driven]:
    with serve_in_background(Engine(indexes=indexes)) as address:
        data: Client = connect(Client, address, project=PROJECT, database="sandbox")
        yield Driven(data)


@pytest.mark.parametrize("query", sorted(QUERIES), ids=" ".join)
def test_every_query_has_its_index(driven: Driven, query: tuple[str, str]) -> None:
    for ask in QUERIES[query]:
        ask(driven)


def test_no_index_is_declared_that_nothing_needs(driven: Driven, indexes: DeclaredIndexes) -> None:
    for asks in QUERIES.values():
        for ask in asks:
            ask(driven)
    declared = indexes.composite.union(*indexes.overridden.values())
    assert declared == indexes.used


def test_every_query_of_the_adapters_is_driven() -> None:
    assert set(_queries()) == set(QUERIES)


def _queries() -> Iterator[tuple[str, str]]:
    for path in sorted(ADAPTERS.glob("*.py")):
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef):
                continue
            called = {
                node.func.attr
                for node in ast.walk(function)
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            }
            if called & _QUERYING or function.name in _QUERYING:
                yield path.name, function.name


def stored(driven: Driven) -> Iterator[tuple[str, dict[str, Any]]]:
    """Collection and fields of every document in the database."""
    for path, fields in everything(driven.data).items():
        yield path.split("/")[-2], fields


def test_bytes_are_never_indexed(driven: Driven, indexes: DeclaredIndexes) -> None:
    found = {
        (collection, name)
        for collection, fields in stored(driven)
        for name, value in fields.items()
        if isinstance(value, bytes)
    }
    assert {("pages", "rows"), ("pages", "keys"), ("pages", "identities"), ("secrets", "ciphertext")} <= found
    assert [pair for pair in found if indexes.is_indexed(*pair)] == []


def test_what_has_an_end_is_removed_by_a_time_to_live_policy(driven: Driven) -> None:
    found = {collection for collection, fields in stored(driven) if "deleteAt" in fields}
    assert {"oauthStates", "idempotency", "invitationHashes", "emails"} <= found
    assert found <= {collection for collection, field in _time_to_live() if field == "deleteAt"}


def test_the_sandbox_banks_records_end_too() -> None:
    ending = {name for kind, name in BANK_COLLECTIONS.items() if "expires_at" in kind.__struct_fields__}
    assert ending == {collection for collection, field in _time_to_live() if field == "expires_at"}


def test_no_time_to_live_policy_reaches_what_must_stay() -> None:
    """`expiresAt` is when a consent's access ends: its documents are evidence, and must not go with it."""
    assert {field for _, field in _time_to_live()} == {"deleteAt", "expires_at"}


def test_no_field_is_overridden_twice() -> None:
    overrides = json.loads(INDEXES.read_text())["fieldOverrides"]
    fields = [(entry["collectionGroup"], entry["fieldPath"]) for entry in overrides]
    assert len(fields) == len(set(fields))


def _time_to_live() -> set[tuple[str, str]]:
    overrides = json.loads(INDEXES.read_text())["fieldOverrides"]
    return {(entry["collectionGroup"], entry["fieldPath"]) for entry in overrides if entry.get("ttl")}
