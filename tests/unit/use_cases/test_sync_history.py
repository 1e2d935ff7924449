"""A bank whose pages shift while the whole history is read: what was passed over comes all the same."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from shared.domain.accounts import AccountRecord
from shared.domain.bank_data import BankBalance
from shared.use_cases.fence import Fence
from tests.fakes.bank import bank_transaction
from tests.fakes.dying import Died
from tests.unit.use_cases.conftest import World

TODAY = date(2026, 11, 24)
RESOURCE = "resource-1"


def account(world: World) -> AccountRecord:
    (found,) = world.store.accounts(world.organisation_id, [world.account_id()]).values()
    return found.record


def whole_reads(world: World) -> int:
    return sum(since < TODAY - timedelta(days=700) for since in world.bank.asked_since)


def tell_balance(world: World) -> None:
    total = sum((row.amount for row in world.bank.booked[RESOURCE]), Decimal(0))
    world.bank.balances_told[RESOURCE] = (
        BankBalance(type="interimBooked", amount=1000 - total, currency="EUR", as_of=None),
    )


def tell_closing(world: World) -> None:
    """Of yesterday."""
    on = world.clock.now().date() - timedelta(days=1)
    covered = [row.amount for row in world.bank.booked[RESOURCE] if (row.booking_date or TODAY) <= on]
    amount = 1000 - sum(covered, Decimal(0))
    world.bank.balances_told[RESOURCE] = (
        BankBalance(type="closingBooked", amount=amount, currency="EUR", as_of=on),
    )


@pytest.fixture
def taken_back_meanwhile(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    take_back_meanwhile(world, monkeypatch, rows_a_day=1)


def take_back_meanwhile(world: World, monkeypatch: pytest.MonkeyPatch, *, rows_a_day: int) -> None:
    """The newest row goes once the first page has been read."""
    world.bank.token_expires_at = world.clock.now() + timedelta(days=90)
    world.bank.booked[RESOURCE] = [
        bank_transaction(number, TODAY - timedelta(days=number // rows_a_day)) for number in range(100)
    ]
    tell_balance(world)
    real = world.bank.transactions_page

    def shifting(*args: Any, **options: Any) -> Any:
        answer = real(*args, **options)
        if options["status"] == "booked":
            del world.bank.booked[RESOURCE][0]
            tell_balance(world)
            monkeypatch.setattr(world.bank, "transactions_page", real)
        return answer

    monkeypatch.setattr(world.bank, "transactions_page", shifting)


@pytest.mark.parametrize("psu_ip_address", ["203.0.113.7", None], ids=["attended", "unattended"])
def test_a_row_that_was_passed_over_comes_with_a_second_read_of_all(
    world: World, taken_back_meanwhile: None, psu_ip_address: str | None
) -> None:
    consent = world.active_consent(psu_ip_address=psu_ip_address)
    world.sync(consent, task="first")
    assert "FAKE-40" not in [row["externalId"] for row in world.rows(world.account_id())]
    statuses = []
    for number in range(7):
        world.due_again(consent)
        tell_balance(world)
        assert world.sync(consent, task=f"next-{number}") == "synced"
        statuses.append(account(world).feed_status)
    found = [row["externalId"] for row in world.rows(world.account_id())]
    assert sorted(found) == sorted(f"FAKE-{number}" for number in range(1, 100))
    assert whole_reads(world) == 2
    assert (account(world).history, statuses[-1]) == ("settled", "proved")


@pytest.mark.parametrize("rows_a_day", [1, 8], ids=["an old row", "a recent row"])
def test_a_row_that_was_passed_over_is_no_gap_where_days_are_closed(
    world: World, monkeypatch: pytest.MonkeyPatch, rows_a_day: int
) -> None:
    """The balance of yesterday is the same before and after, but the list has moved under the reader."""
    take_back_meanwhile(world, monkeypatch, rows_a_day=rows_a_day)
    tell_closing(world)
    consent = world.active_consent()
    world.sync(consent, task="first")
    statuses = []
    for number in range(7):
        world.due_again(consent)
        tell_closing(world)
        assert world.sync(consent, task=f"next-{number}") == "synced"
        statuses.append(account(world).feed_status)
    found = [row["externalId"] for row in world.rows(world.account_id())]
    assert sorted(found) == sorted(f"FAKE-{number}" for number in range(1, 100))
    assert (account(world).history, statuses[-1]) == ("settled", "proved")
    assert "gap" not in statuses


def test_a_history_under_which_nothing_moved_is_read_once(world: World) -> None:
    world.bank.token_expires_at = world.clock.now() + timedelta(days=90)
    world.bank.booked[RESOURCE] = [bank_transaction(number, TODAY) for number in range(3)]
    consent = world.active_consent()
    world.sync(consent, task="first")
    for number in range(4):
        world.due_again(consent)
        if number == 1:
            del world.bank.booked[RESOURCE][0]
        world.sync(consent, task=f"next-{number}")
    assert whole_reads(world) == 1


def test_a_row_that_is_passed_over_twice_comes_with_a_third_read_of_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where another one that the bank lists no more is none of the reason."""
    take_back_meanwhile(world, monkeypatch, rows_a_day=1)
    consent = world.active_consent()
    world.sync(consent, task="first")
    world.bank.booked[RESOURCE] = [
        *[bank_transaction(number, TODAY) for number in (200, 201)],
        *world.bank.booked[RESOURCE][1:],
    ]
    world.due_again(consent)
    world.sync(consent, task="next")
    assert account(world).history == "again"
    real = world.bank.transactions_page

    def shifting(*args: Any, **options: Any) -> Any:
        answer = real(*args, **options)
        if options["status"] == "booked":
            del world.bank.booked[RESOURCE][0]
            monkeypatch.setattr(world.bank, "transactions_page", real)
        return answer

    monkeypatch.setattr(world.bank, "transactions_page", shifting)
    for number in range(6):
        world.due_again(consent)
        assert world.sync(consent, task=f"later-{number}") == "synced"
    told = [row.external_id for row in world.bank.booked[RESOURCE]]
    assert sorted(row["externalId"] for row in world.rows(world.account_id())) == sorted(told)
    assert (account(world).history, whole_reads(world)) == ("settled", 3)


def test_a_row_that_the_bank_counts_and_lists_no_more_has_the_history_read_once_more_and_stays(
    world: World,
) -> None:
    """Its balance holds it to the end, so nothing moved under the reader."""
    world.bank.token_expires_at = world.clock.now() + timedelta(days=90)
    world.bank.booked[RESOURCE] = [bank_transaction(number, TODAY) for number in range(3)]
    tell_balance(world)
    consent = world.active_consent(psu_ip_address="203.0.113.7")
    world.sync(consent, task="first")
    unlisted = world.bank.booked[RESOURCE].pop(1)
    for number in range(6):
        world.due_again(consent)
        assert world.sync(consent, task=f"next-{number}") == "synced"
    assert unlisted.external_id in [row["externalId"] for row in world.rows(world.account_id())]
    assert whole_reads(world) == 2
    assert (account(world).history, account(world).feed_status) == ("settled", "proved")


def test_what_the_closing_balance_proves_gone_goes_at_once_and_a_row_of_today_when_two_reads_lack_it(
    world: World,
) -> None:
    """Yesterday's balance tells nothing of today's rows."""
    world.bank.token_expires_at = world.clock.now() + timedelta(days=90)
    rows = [bank_transaction(number, TODAY - timedelta(days=number // 3)) for number in range(12)]
    world.bank.booked[RESOURCE] = list(rows)
    tell_closing(world)
    consent = world.active_consent()
    world.sync(consent, task="first")
    of_today, of_yesterday = rows[1], rows[4]
    world.bank.booked[RESOURCE] = [row for row in rows if row not in (of_today, of_yesterday)]
    tell_closing(world)
    world.due_again(consent)
    assert world.clock.now().date() == TODAY
    world.sync(consent, task="one")
    found = {row["externalId"] for row in world.rows(world.account_id())}
    assert of_yesterday.external_id not in found
    assert of_today.external_id in found
    world.due_again(consent)
    tell_closing(world)
    world.sync(consent, task="two")
    found = {row["externalId"] for row in world.rows(world.account_id())}
    assert found == {row.external_id for row in world.bank.booked[RESOURCE]}


def test_a_history_that_comes_in_two_goes_moves_the_opening_by_both(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bank's first list was cut; the worker dies between two commits of the whole one."""
    world.bank.token_expires_at = world.clock.now() + timedelta(days=90)
    world.bank.booked[RESOURCE] = rows = [
        bank_transaction(number, TODAY - timedelta(days=number)) for number in range(500)
    ]
    tell_balance(world)
    world.bank.booked[RESOURCE] = rows[:20]
    world.sync(world.active_consent(psu_ip_address="203.0.113.7"), task="cut")
    world.bank.booked[RESOURCE] = rows
    again = world.active_consent(psu_ip_address="203.0.113.7")
    real = Fence.commit
    with monkeypatch.context() as patched:
        patched.setattr(Fence, "commit", dying_after_rows(real))
        with pytest.raises(Died):
            world.sync(again, task="whole")
    assert 20 < len(world.rows(world.account_id())) < 500
    assert world.sync(again, task="whole") == "synced"
    assert len(world.rows(world.account_id())) == 500
    world.clock.move(timedelta(days=1))
    world.sync(again, task="next")
    assert account(world).feed_status == "proved"


def dying_after_rows(commit: Any) -> Any:
    def commit_and_die(*args: Any, **options: Any) -> Any:
        committed = commit(*args, **options)
        if options.get("books") is not None:
            raise Died
        return committed

    return commit_and_die
