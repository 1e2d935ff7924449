"""Rows that look the same, at a bank whose ids are positions: nobody can tell which of them it took back."""

from __future__ import annotations

import msgspec

from shared.domain.bank_data import BankTransaction
from tests.fakes.bank import bank_transaction
from tests.unit.use_cases.conftest import World

RESOURCE = "resource-1"


def at(twin: BankTransaction, position: int) -> BankTransaction:
    return msgspec.structs.replace(twin, external_id=f"P-{position}", raw_hash=f"raw-{position}")


def test_one_of_them_that_was_taken_back_goes_whatever_its_position(world: World) -> None:
    world.bank.balances_told[RESOURCE] = ()
    consent = world.active_consent()
    twin = bank_transaction(1, world.clock.now().date())
    world.bank.booked[RESOURCE] = [at(twin, 1), at(twin, 2)]
    assert world.sync(consent) == "synced"
    both = {row["id"] for row in world.rows(world.account_id())}
    assert len(both) == 2
    for number, (position, left) in enumerate(((1, 2), (2, 1))):
        world.due_again(consent)
        world.bank.booked[RESOURCE] = [at(twin, position)]
        assert world.sync(consent, task=f"task-{number + 2}") == "synced"
        assert len(world.rows(world.account_id())) == left
    (kept,) = [row["id"] for row in world.rows(world.account_id())]
    assert kept in both


def test_one_that_is_back_stays(world: World) -> None:
    world.bank.balances_told[RESOURCE] = ()
    consent = world.active_consent()
    twin = bank_transaction(1, world.clock.now().date())
    world.bank.booked[RESOURCE] = [at(twin, 1), at(twin, 2)]
    assert world.sync(consent) == "synced"
    for number, positions in enumerate(((1,), (1, 2), (2,))):
        world.due_again(consent)
        world.bank.booked[RESOURCE] = [at(twin, position) for position in positions]
        assert world.sync(consent, task=f"task-{number + 2}") == "synced"
        assert len(world.rows(world.account_id())) == 2
