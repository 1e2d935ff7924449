"""Accounts as the sync stored them, read without the client's object layer."""

from __future__ import annotations

from shared.domain.accounts import AccountRecord
from shared.gcp import paths
from shared.gcp.documents import from_document
from tests.fakes.bank import bank_transaction
from tests.unit.use_cases.conftest import World


def stored(world: World) -> list[AccountRecord]:
    """Through the client's objects, in the order of their ids."""
    snapshots = world.data.collection(paths.accounts(world.organisation_id)).order_by("id").stream()
    return [from_document(snapshot.to_dict(), AccountRecord) for snapshot in snapshots]


def test_an_account_is_listed_as_the_sync_stored_it(world: World) -> None:
    world.bank.booked["resource-1"] = [bank_transaction(1, world.clock.now().date())]
    world.sync(world.active_consent())
    (account,) = stored(world)
    listed = world.accounts.list
    assert listed(world.organisation_id, limit=9, after=None) == [account]
    assert listed(world.organisation_id, limit=9, after=account.id) == []
    assert listed(world.organisation_id, limit=9, after="acc_0") == [account]
    assert world.accounts.find(world.organisation_id, account.id) == account
    assert world.accounts.find("org_other", account.id) is None
    assert listed("org_other", limit=9, after=None) == []


def test_accounts_come_in_the_order_of_their_ids(world: World) -> None:
    world.sync(world.active_consent())
    collection = world.data.collection(paths.accounts(world.organisation_id))
    account = collection.document(world.account_id())
    document = account.get().to_dict() or {}
    ids = [f"acc_{letter}" for letter in "CAEBD"]
    for id in ids:
        collection.document(id).set({**document, "id": id})
    account.delete()
    first = world.accounts.list(world.organisation_id, limit=3, after=None)
    assert [account.id for account in first] == sorted(ids)[:3]
    rest = world.accounts.list(world.organisation_id, limit=3, after=first[-1].id)
    assert [account.id for account in rest] == sorted(ids)[3:]
