"""Whatever a bank does to its list and ids: our list is the bank's, ids stay, the feed makes it, the sum is right."""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from shared.domain.changes import decode
from shared.gcp import paths
from tests.fakes.bank import bank_transaction, booked_of
from tests.unit.use_cases.conftest import World
from tests.unit.use_cases.ledgers import IDS, Books, Ids

RESOURCE = "resource-1"


def feed_of(world: World, account_id: str) -> dict[str, dict[str, Any]]:
    """The map that a client has who applied the whole feed."""
    there: dict[str, dict[str, Any]] = {}
    number = 0
    while True:
        number += 1
        snapshot = world.data.document(paths.changes(world.organisation_id, account_id, number)).get()
        if not snapshot.exists:
            return there
        for change in decode(snapshot.get("changes")):
            if change.kind == "removed":
                del there[change.transaction_id]
            else:
                assert (change.transaction_id in there) == (change.kind == "modified")
                there[change.transaction_id] = msgspec.json.decode(change.json)


def everything(world: World, account_id: str) -> list[dict[str, Any]]:
    return [*world.rows(account_id), *world.pending_rows(account_id)]


def shown(rows: list[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
    return Counter((row["status"], row["amount"], row["bookingDate"], row["remittanceInfo"]) for row in rows)


@pytest.mark.parametrize("ids", IDS)
@pytest.mark.parametrize("seed", range(4))
def test_a_living_account(world: World, ids: Ids, seed: int) -> None:
    chosen = random.Random(f"{ids}-{seed}")
    today = world.clock.now().date()
    books = Books(ids=ids, chosen=chosen, today=today)
    world.bank.lists_oldest_first = bool(seed % 2)
    consent = world.active_consent()
    known: dict[str, str] = {}
    for task in range(14):
        world.bank.booked[RESOURCE], world.bank.pending[RESOURCE] = books.booked(), books.pending()
        world.bank.balances_told[RESOURCE] = books.closing()
        assert world.sync(consent, task=f"task-{task}") == "synced"
        account = world.accounts.find(world.organisation_id, world.account_id())
        assert account is not None
        rows = everything(world, account.id)
        bank = Counter(
            (
                entry.status,
                f"{entry.amount:.4f}",
                entry.booking_date.isoformat() if entry.booking_date else None,
                entry.remittance_info,
            )
            for entry in (*books.booked(), *books.pending())
        )
        assert shown(rows) == bank
        assert feed_of(world, account.id) == {row["id"]: row for row in rows}
        assert account.proof.held == sum(
            (Decimal(row["amount"]) for row in world.rows(account.id)), Decimal(0)
        )
        assert account.feed_status != "gap"
        amounts = Counter(row["amount"] for row in rows)
        for row in rows:
            if amounts[row["amount"]] == 1:
                assert known.setdefault(row["amount"], row["id"]) == row["id"], "an id changed"
            else:
                known.pop(row["amount"], None)
        for _ in range(3):
            world.due_again(consent)
        books.live()
    assert account.feed_status == "proved"


def test_a_living_account_without_balances(world: World) -> None:
    books = Books(ids="stable", chosen=random.Random(5), today=world.clock.now().date())
    consent = world.active_consent()
    world.bank.balances_told[RESOURCE] = ()
    for task in range(20):
        world.bank.booked[RESOURCE], world.bank.pending[RESOURCE] = books.booked(), books.pending()
        world.sync(consent, task=f"first-{task}")
        world.due_again(consent)
        world.sync(consent, task=f"second-{task}")
        world.due_again(consent)
        bank = Counter(f"{entry.amount:.4f}" for entry in (*books.booked(), *books.pending()))
        rows = everything(world, world.account_id())
        assert Counter(row["amount"] for row in rows) == bank, "what two reads miss is taken out"
        books.live()
    account = world.accounts.find(world.organisation_id, world.account_id())
    assert account is not None
    assert account.feed_status == "unproved"


def test_a_row_that_the_bank_leaves_out_for_a_while_stays(world: World) -> None:
    """The balance says that it is there, once two moments have given the opening: here, with the PSU present."""
    books = Books(ids="stable", chosen=random.Random(1), today=world.clock.now().date())
    for _ in range(4):
        books.live()
    consent = world.active_consent(psu_ip_address="203.0.113.7")
    booked = books.booked()
    world.bank.booked[RESOURCE], world.bank.balances_told[RESOURCE] = booked, books.closing()
    world.sync(consent)
    before = world.rows(world.account_id())
    for task in range(3):
        world.due_again(consent)
        world.bank.booked[RESOURCE] = booked[1:]
        world.sync(consent, task=f"short-{task}")
        assert world.rows(world.account_id()) == before
    account = world.accounts.find(world.organisation_id, world.account_id())
    assert account is not None
    assert account.feed_gap is None


def test_a_row_that_comes_back_has_its_old_id_and_is_added_again(world: World) -> None:
    entry = bank_transaction(1, world.clock.now().date())
    other = bank_transaction(2, world.clock.now().date())
    world.bank.booked[RESOURCE] = [entry, other]
    world.bank.balances_told[RESOURCE] = ()
    consent = world.active_consent()
    world.sync(consent)
    ids = {row["externalId"]: row["id"] for row in world.rows(world.account_id())}
    world.bank.booked[RESOURCE] = [other]
    for task in ("once", "twice"):
        assert len(world.rows(world.account_id())) == 2, "one read alone proves nothing"
        world.due_again(consent)
        world.sync(consent, task=task)
    assert [row["externalId"] for row in world.rows(world.account_id())] == [other.external_id]
    world.bank.booked[RESOURCE] = [other, entry]
    world.due_again(consent)
    world.sync(consent, task="back")
    assert {row["externalId"]: row["id"] for row in world.rows(world.account_id())} == ids
    assert feed_of(world, world.account_id()).keys() == set(ids.values())


def test_a_pending_row_that_vanishes_and_is_booked_later_has_its_old_id(world: World) -> None:
    today = world.clock.now().date()
    waiting = bank_transaction(1, today, status="pending")
    world.bank.pending[RESOURCE] = [waiting]
    consent = world.active_consent()
    world.sync(consent)
    (pending,) = world.pending_rows(world.account_id())
    world.bank.pending[RESOURCE] = []
    world.due_again(consent)
    world.sync(consent, task="gone")
    assert feed_of(world, world.account_id()) == {}
    world.bank.booked[RESOURCE] = [booked_of(waiting, external_id="B-1", raw_hash="booked")]
    world.due_again(consent)
    world.sync(consent, task="booked")
    (booked,) = world.rows(world.account_id())
    assert booked["id"] == pending["id"]
    assert booked["matchConfidence"] == "high"
