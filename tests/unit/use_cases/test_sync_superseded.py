"""A reading that took so long that another consent's newer one was entered before it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from shared.domain.accounts import AccountRecord
from shared.domain.consents import Consent
from tests.fakes.bank import bank_transaction
from tests.unit.use_cases.conftest import World

TODAY = date(2026, 11, 24)
WHOLE_HISTORY = TODAY - timedelta(days=730)
RESOURCE = "resource-1"


class Crash(BaseException):
    pass


@pytest.fixture(autouse=True)
def known(world: World) -> None:
    """A pending entry and two pages of booked ones, read once."""
    world.bank.token_expires_at = world.clock.now() + timedelta(days=9)
    world.bank.booked[RESOURCE] = [
        bank_transaction(number, TODAY - timedelta(days=1 + number // 10)) for number in range(60)
    ]
    world.bank.pending[RESOURCE] = [bank_transaction(99, TODAY, status="pending")]
    assert world.sync(world.active_consent(), task="first") == "synced"
    world.clock.move(timedelta(minutes=5))


def account(world: World) -> AccountRecord:
    (found,) = world.store.accounts(world.organisation_id, [world.account_id()]).values()
    return found.record


def held_up(world: World, consent: Consent) -> None:
    """It has the pending entries and the newest page, and its worker dies."""
    world.bank.failures = [*[None] * 4, Crash()]  # type: ignore[list-item]
    with pytest.raises(Crash):
        world.sync(consent, task="slow")
    world.bank.failures = []
    world.clock.move(timedelta(minutes=5))


def booked_and_read(world: World, consent: Consent) -> None:
    """What was pending is booked, and a read tells so."""
    world.bank.pending[RESOURCE] = []
    world.bank.booked[RESOURCE].append(bank_transaction(99, TODAY))
    assert world.sync(consent, task="quick") == "synced"


@pytest.mark.parametrize("psu_ip_address", ["203.0.113.7", None], ids=["attended", "unattended"])
def test_what_a_newer_reading_found_stays(world: World, psu_ip_address: str | None) -> None:
    (pending,) = world.pending_rows(world.account_id())
    slow, quick = world.active_consent(psu_ip_address=psu_ip_address), world.active_consent()
    held_up(world, slow)
    booked_and_read(world, quick)
    rows, as_of = world.rows(world.account_id()), account(world).data_as_of
    assert as_of is not None
    assert pending["id"] in [row["id"] for row in rows]

    world.clock.move(timedelta(minutes=2))
    assert world.sync(slow, task="slow") == "synced"
    assert world.rows(world.account_id()) == rows
    assert world.pending_rows(world.account_id()) == []
    after = account(world)
    assert (after.missing, after.data_as_of) == ((), world.clock.now() if psu_ip_address else as_of)
    assert after.consent_id == max(slow.id, quick.id)


def test_the_account_hangs_on_the_newer_consent_all_the_same(world: World) -> None:
    quick = world.active_consent()
    slow = world.active_consent()
    while slow.id < quick.id:
        slow = world.active_consent()
    held_up(world, slow)
    booked_and_read(world, quick)
    assert account(world).consent_id == quick.id
    assert world.sync(slow, task="slow") == "synced"
    assert account(world).consent_id == slow.id


def test_with_the_psu_it_is_read_again(world: World) -> None:
    slow, quick = world.active_consent(psu_ip_address="203.0.113.7"), world.active_consent()
    held_up(world, slow)
    booked_and_read(world, quick)
    world.bank.asked_since.clear()
    world.sync(slow, task="slow")
    assert world.bank.asked_since == [WHOLE_HISTORY]
    assert world.consent(slow).full_history_read


def test_without_the_psu_the_history_is_read_with_the_next_sync(world: World) -> None:
    slow, quick = world.active_consent(), world.active_consent()
    held_up(world, slow)
    booked_and_read(world, quick)
    world.bank.asked_since.clear()
    spent = len(account(world).reads)
    world.sync(slow, task="slow")
    assert (world.bank.asked_since, len(account(world).reads)) == ([], spent)
    assert not world.consent(slow).full_history_read
    world.due_again(slow)
    world.sync(slow, task="next")
    assert world.bank.asked_since == [WHOLE_HISTORY]
    assert world.consent(slow).full_history_read


def test_a_reading_that_began_after_the_other_is_entered(world: World) -> None:
    """However short a time after."""
    slow, quick = world.active_consent(), world.active_consent()
    booked_and_read(world, quick)
    world.clock.move(timedelta(seconds=1))
    held_up(world, slow)
    assert world.sync(slow, task="slow") == "synced"
    assert account(world).data_as_of == world.clock.now() - timedelta(minutes=5)
