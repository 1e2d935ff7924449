"""What is read without the client's object layer is what is read with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from google.cloud.firestore import Client

from shared.gcp.account_listing import AccountListing
from shared.gcp.clock_offsets import ClockOffsets
from shared.gcp.clock_store import ClockStore
from shared.gcp.firestore_values import plain
from shared.gcp.raw_firestore import RawFirestore
from tests.fakes.bank import bank_transaction
from tests.localcloud.firestore.serving import connect
from tests.unit.firestore import raw_firestore
from tests.unit.use_cases.conftest import World


@pytest.fixture
def data(firestore_address: str, project: str) -> Client:
    client: Client = connect(Client, firestore_address, project=project, database="sandbox")
    return client


@pytest.fixture
def raw(firestore_address: str, project: str) -> Iterator[RawFirestore]:
    with raw_firestore(firestore_address, project=project, database="sandbox") as raw:
        yield raw


def test_an_account_is_listed_as_the_sync_stored_it(data: Client, raw: RawFirestore) -> None:
    world, listing = World(data), AccountListing(raw)
    world.bank.booked["resource-1"] = [bank_transaction(1, world.clock.now().date())]
    world.sync(world.active_consent())
    stored = world.accounts.list(world.organisation_id, limit=9, after=None)
    assert stored
    assert listing.list(world.organisation_id, limit=9, after=None) == stored
    assert listing.list(world.organisation_id, limit=9, after=stored[-1].id) == []
    assert listing.list(world.organisation_id, limit=9, after="acc_0") == stored
    assert [listing.find(world.organisation_id, account.id) for account in stored] == stored
    assert listing.find("org_other", stored[0].id) is None
    assert listing.list("org_other", limit=9, after=None) == []


def test_accounts_come_in_the_order_of_their_ids(data: Client, raw: RawFirestore) -> None:
    world, listing = World(data), AccountListing(raw)
    world.sync(world.active_consent())
    (account,) = world.accounts.list(world.organisation_id, limit=9, after=None)
    collection = data.collection(f"organisations/{world.organisation_id}/accounts")
    stored = collection.document(account.id).get().to_dict() or {}
    ids = [f"acc_{letter}" for letter in "CAEBD"]
    for id in ids:
        collection.document(id).set({**stored, "id": id})
    collection.document(account.id).delete()
    first = listing.list(world.organisation_id, limit=3, after=None)
    assert [account.id for account in first] == sorted(ids)[:3]
    rest = listing.list(world.organisation_id, limit=3, after=first[-1].id)
    assert [account.id for account in rest] == sorted(ids)[3:]


def test_values_of_every_kind(data: Client, raw: RawFirestore) -> None:
    written: dict[str, Any] = {
        "nothing": None,
        "no": False,
        "zero": 0,
        "least": -(2**63),
        "half": 0.5,
        "empty": "",
        "text": "Đorđe",
        "bytes": b"\x00\xff",
        "at": datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC),
        "before": datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC),
        "list": [],
        "map": {"inner": [{"deep": None}, 1, "a"]},
    }
    data.document("kinds/one").set(written)
    fields = raw.get(["kinds/one"])["kinds/one"]
    assert {name: plain(value) for name, value in fields.items()} == written


def test_the_clock_is_as_far_ahead_as_it_was_moved_and_in_live_never(data: Client, raw: RawFirestore) -> None:
    store, organisation_id = ClockStore(data, "sandbox"), "org_moved"
    assert ClockOffsets(raw, "sandbox").offset_seconds(organisation_id) == 0
    clock, version = store.find(organisation_id)
    moved = type(clock)(offset_seconds=86_400, moved_by="req_1")
    store.save(organisation_id, moved, version=version)
    assert ClockOffsets(raw, "sandbox").offset_seconds(organisation_id) == 86_400
    assert ClockOffsets(raw, "live").offset_seconds(organisation_id) == 0
