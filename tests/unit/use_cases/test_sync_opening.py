"""The first balance and the first list must be of one moment: an opening that is wrong would be a gap for ever."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from shared.domain.bank_data import BankAccess, BankAccount, BankBalance
from tests.fakes.bank import bank_transaction
from tests.unit.use_cases.conftest import World

RESOURCE = "resource-1"


def interim(amount: str) -> tuple[BankBalance, ...]:
    return (BankBalance(type="interimBooked", amount=Decimal(amount), currency="EUR", as_of=None),)


@pytest.fixture
def told(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the bank answers to each question for a balance, the last one for ever."""
    amounts: list[str] = []

    def balances(access: BankAccess, account: BankAccount) -> Any:
        world.bank.calls.append("balances")
        return interim(amounts.pop(0) if len(amounts) > 1 else amounts[0])

    monkeypatch.setattr(world.bank, "balances", balances)
    return amounts


def status_after(world: World, consent: Any, *, task: str) -> str:
    assert world.sync(consent, task=task) == "synced"
    (account,) = world.accounts.list(world.organisation_id, limit=10, after=None)
    return account.feed_status


@pytest.mark.parametrize("psu_ip_address", ["203.0.113.7", None], ids=["attended", "unattended"])
def test_a_row_booked_during_the_first_read_is_no_gap(
    world: World, told: list[str], psu_ip_address: str | None
) -> None:
    """The list has it already, the balance before it not yet."""
    world.bank.booked[RESOURCE] = [bank_transaction(4, world.clock.now().date())]
    told[:] = ["100", "95"]
    consent = world.active_consent(psu_ip_address=psu_ip_address)
    assert status_after(world, consent, task="first") == "unproved"
    statuses = []
    for number in range(8):
        world.due_again(consent)
        statuses.append(status_after(world, consent, task=f"next-{number}"))
    assert "gap" not in statuses
    assert statuses[-1] == "proved"


def test_an_attended_first_read_asks_for_the_balance_again(world: World, told: list[str]) -> None:
    told[:] = ["100"]
    world.sync(world.active_consent(psu_ip_address="203.0.113.7"))
    assert world.bank.calls.count("balances") == 2


def test_an_unattended_one_does_not_since_the_bank_counts_it(world: World, told: list[str]) -> None:
    told[:] = ["100"]
    world.sync(world.active_consent())
    assert world.bank.calls.count("balances") == 1


def test_a_row_booked_during_the_first_read_and_taken_back_goes(world: World, told: list[str]) -> None:
    """Held still, it makes up for the opening that was reckoned with it: that must not keep it for ever."""
    today = world.clock.now().date()
    world.bank.booked[RESOURCE] = [bank_transaction(4, today), bank_transaction(9, today)]
    told[:] = ["95", "85", "95"]
    consent = world.active_consent()
    world.sync(consent, task="first")
    world.due_again(consent)
    world.sync(consent, task="second")
    world.bank.booked[RESOURCE] = [bank_transaction(4, today)]
    statuses = []
    for number in range(8):
        world.due_again(consent)
        statuses.append(status_after(world, consent, task=f"next-{number}"))
    assert [row["externalId"] for row in world.rows(world.account_id())] == ["FAKE-4"]
    assert "gap" not in statuses
    assert statuses[-1] == "proved"


def test_a_row_taken_back_during_the_first_read_goes(world: World, told: list[str]) -> None:
    """The first balance and list have it; then it is neither in the one nor in the other, and never in the opening."""
    today = world.clock.now().date()
    world.bank.booked[RESOURCE] = [bank_transaction(4, today), bank_transaction(9, today)]
    told[:] = ["83", "95"]
    consent = world.active_consent()
    world.sync(consent, task="first")
    world.bank.booked[RESOURCE] = [bank_transaction(4, today)]
    statuses = []
    for number in range(10):
        world.due_again(consent)
        statuses.append(status_after(world, consent, task=f"next-{number}"))
    assert [row["externalId"] for row in world.rows(world.account_id())] == ["FAKE-4"]
    assert "gap" not in statuses
    assert statuses[-1] == "proved"


def test_a_row_of_before_the_opening_that_was_missing_fills_its_gap(world: World, told: list[str]) -> None:
    """The opening came with a later read, which reached back less far than what was held by then."""
    today = world.clock.now().date()
    told[:] = ["100", "95", "95"]
    consent = world.active_consent(psu_ip_address="203.0.113.7")
    world.bank.booked[RESOURCE] = [bank_transaction(4, today)]
    world.sync(consent, task="first")
    statuses = []
    for number in range(6):
        if number == 3:
            world.bank.booked[RESOURCE].append(bank_transaction(6, today - timedelta(days=15)))
            told[:] = ["88"]
        world.due_again(consent)
        statuses.append(status_after(world, consent, task=f"next-{number}"))
    assert statuses[-1] == "gap", "booked in arrears, further back than reads reach"
    whole = world.active_consent(psu_ip_address="203.0.113.7")
    assert status_after(world, whole, task="whole") == "proved"
