"""The bank never counts more than four unattended reads of an account in any 24 hours; what it refuses is known."""

from __future__ import annotations

import random
from collections import defaultdict
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from shared.domain.accounts import public_account, refresh_budget
from shared.domain.budgets import READ_TIME
from shared.domain.consents import Consent
from shared.domain.errors import BankAccessLost, BankRateLimited, BankTimeout, BankUnavailable, NotDecryptable
from shared.domain.wanted_reads import asked_for
from shared.gcp import paths
from tests.fakes.bank import BANK_ID, bank_account, bank_transaction
from tests.unit.use_cases.conftest import World

DAY = timedelta(hours=24)


class Crash(BaseException):
    pass


def most_in_a_day(world: World) -> int:
    """Of one account's balances, or of one of its lists."""
    times: dict[str, list[datetime]] = defaultdict(list)
    for name, at in world.bank.unattended:
        if name != "accounts":
            times[name].append(at)
    return max(
        (sum(end - DAY < at <= end for at in known) for known in times.values() for end in known), default=0
    )


def ask(world: World, consent: Consent, account_id: str) -> None:
    """As a client does, without the PSU."""
    stored = world.consents.find(world.organisation_id, consent.id)
    assert stored is not None
    wanted = asked_for(stored.consent, account_id=account_id, at=world.clock.now(), psu_ip_address=None)
    world.consents.save(wanted, replacing=stored, at=world.clock.now())


def record(world: World) -> Any:
    (account,) = world.accounts.list(world.organisation_id, limit=10, after=None)
    return account


@pytest.mark.parametrize("seed", range(4))
def test_never_more_than_the_bank_allows(world: World, seed: int) -> None:
    """Crashes, failures, refreshes, two consents to one account, and tasks at every moment."""
    chosen = random.Random(seed)
    world.bank.booked["resource-1"] = [bank_transaction(1, world.clock.now().date())]
    world.bank.token_expires_at = world.clock.now() + timedelta(days=90)
    consents = [world.active_consent(), world.active_consent()]
    synced = 0
    for number in range(120):
        consent = chosen.choice(consents)
        stored = world.consents.find(world.organisation_id, consent.id)
        assert stored is not None
        if chosen.random() < 0.3 and stored.consent.account_ids:
            wanted = asked_for(
                stored.consent,
                account_id=stored.consent.account_ids[0],
                at=world.clock.now(),
                psu_ip_address="203.0.113.7" if chosen.random() < 0.3 else None,
            )
            world.consents.save(wanted, replacing=stored, at=world.clock.now())
        failure = chosen.choice(
            [None, None, None, BankTimeout(BANK_ID, ""), BankUnavailable(BANK_ID, ""), Crash()]
        )
        world.bank.failures = [*[None] * chosen.randrange(6), failure]  # type: ignore[list-item]
        with suppress(Crash):
            synced += world.sync(consent, task=f"task-{number}") == "synced"
        world.bank.failures = []
        world.clock.move(timedelta(minutes=chosen.choice([0, 1, 5, 30, 120, 400])))
    assert synced > 10
    assert 1 < most_in_a_day(world) <= 4


def test_what_clients_see_is_what_is_left(world: World) -> None:
    consent = world.active_consent()
    world.sync(consent)
    shown = public_account(record(world), at=world.clock.now(), wall_at=world.clock.now())
    assert (shown.refresh.limit, shown.refresh.remaining) == (4, 3)
    assert shown.refresh.next_refresh_at == shown.next_refresh_at == world.consent(consent).next_sync_at
    later = world.clock.now() + timedelta(hours=1)
    assert public_account(record(world), at=later, wall_at=later).refresh == shown.refresh
    assert refresh_budget(record(world), at=world.clock.now() + timedelta(hours=25)).remaining == 4
    assert b"reads" not in msgspec.json.encode(shown)


def test_the_first_read_after_sca_is_attended_and_spends_nothing(world: World) -> None:
    consent = world.active_consent(psu_ip_address="203.0.113.7")
    assert world.sync(consent) == "synced"
    assert world.bank.unattended == []
    assert record(world).reads == ()
    after = world.consent(consent)
    assert after.attendance is None, "kept no longer than needed"
    world.due_again(consent)
    world.sync(consent, task="task-2")
    assert len(record(world).reads) == 1


def test_attendance_ends(world: World) -> None:
    consent = world.active_consent(psu_ip_address="203.0.113.7")
    world.clock.move(timedelta(minutes=11))
    world.sync(consent)
    assert world.bank.unattended != []


def test_a_resumed_attempt_that_may_have_called_the_bank_spends_again(world: World) -> None:
    consent = world.active_consent()
    world.bank.failures = [None, None, Crash()]  # type: ignore[list-item]
    with pytest.raises(Crash):
        world.sync(consent)
    assert world.sync(consent) == "synced"
    assert len(record(world).reads) == 2


def begun(world: World) -> Consent:
    """One whose worker died after the first page of a list of three."""
    today = world.clock.now().date()
    world.bank.booked["resource-1"] = [bank_transaction(number, today) for number in range(100)]
    consent = world.active_consent()
    world.bank.failures = [*[None] * 4, Crash()]  # type: ignore[list-item]
    with pytest.raises(Crash):
        world.sync(consent)
    return consent


def test_going_on_with_a_list_that_was_begun_spends_nothing(world: World) -> None:
    assert world.sync(begun(world)) == "synced"
    assert len(record(world).reads) == 1
    assert [name for name, _ in world.bank.unattended].count("booked resource-1 0") == 1
    assert len(world.rows(world.account_id())) == 100


def test_a_delivery_that_stood_still_while_another_went_on_does_not_begin_again(world: World) -> None:
    consent = begun(world)
    outcomes = []

    class StandsStill(type(world.store)):  # type: ignore[misc]
        """After its claim is written, until the other delivery of the same task has read everything."""

        def commit(self, *args: Any, **kwargs: Any) -> Any:
            committed = super().commit(*args, **kwargs)
            if not outcomes:
                outcomes.append(world.sync(consent))
            return committed

    assert world.sync(consent, store=StandsStill(world.data)) == "overtaken"
    assert outcomes == ["synced"]
    assert [name for name, _ in world.bank.unattended].count("booked resource-1 0") == 1
    assert [name for name, _ in world.bank.unattended].count("balances resource-1") == 1


def test_a_reading_that_was_lost_is_begun_again_on_a_reservation_of_its_own(world: World) -> None:
    consent = begun(world)
    for part in world.data.collection_group("reading").stream():
        part.reference.delete()
    assert world.sync(consent) == "continued"
    assert len(record(world).reads) == 1
    assert world.sync(consent, task="task-2") == "synced"
    assert len(record(world).reads) == 2
    assert [name for name, _ in world.bank.unattended].count("balances resource-1") == 2
    assert len(world.rows(world.account_id())) == 100


def test_a_list_that_was_begun_is_finished_before_another_account_is_read(world: World) -> None:
    """Only one reading is kept: what came between would have it asked for again, on no reservation."""
    world.bank.accounts_held = [bank_account(1), bank_account(2)]
    world.bank.token_expires_at = world.clock.now() + timedelta(days=9)
    consent = world.active_consent()
    world.sync(consent)
    world.due_again(consent)
    today = world.clock.now().date()
    world.bank.booked["resource-2"] = [bank_transaction(number, today) for number in range(100)]
    first = next(
        account
        for account in world.accounts.list(world.organisation_id, limit=9, after=None)
        if account.iban == bank_account(1).iban
    )
    until = world.clock.now() + timedelta(minutes=5)
    world.data.document(paths.account(world.organisation_id, first.id)).update({"limitedUntil": until})
    asked_before = len(world.bank.unattended)
    world.bank.failures = [*[None] * 4, Crash()]  # type: ignore[list-item]
    with pytest.raises(Crash):
        world.sync(consent, task="task-2")
    world.clock.move(timedelta(minutes=6))
    assert world.sync(consent, task="task-2") == "synced"
    asked = [name for name, _ in world.bank.unattended[asked_before:]]
    assert [asked.count(f"booked resource-{number} 0") for number in (1, 2)] == [1, 1]


def test_what_was_not_called_is_given_back(world: World) -> None:
    world.bank.accounts_held = [bank_account(1), bank_account(2)]
    consent = world.active_consent()
    world.sync(consent)
    world.due_again(consent)
    before = {
        item.id: len(item.reads) for item in world.accounts.list(world.organisation_id, limit=9, after=None)
    }
    for task in range(6):
        world.bank.failures = [BankUnavailable(BANK_ID, "a refresh, or the accounts")] * 2
        assert world.sync(consent, task=f"down-{task}") == "postponed"
        world.bank.failures = []
        world.due_again(consent)
    after = {
        item.id: len(item.reads) for item in world.accounts.list(world.organisation_id, limit=9, after=None)
    }
    assert after == before, "the accounts were never asked"
    assert world.sync(consent, task="up") == "synced"


@pytest.mark.parametrize(
    "lost", [BankAccessLost(BANK_ID, "gone", reason="revoked"), NotDecryptable("old key")]
)
def test_a_consent_that_ends_leaves_the_reads_that_it_did_not_make_to_others(
    world: World, monkeypatch: pytest.MonkeyPatch, lost: Exception
) -> None:
    consent = world.active_consent()
    world.sync(consent)
    before = record(world).reads
    world.due_again(consent)

    def refuse(*_args: object, **_named: object) -> Any:
        raise lost

    monkeypatch.setattr(world.bank, "refresh", refuse)
    monkeypatch.setattr(world.vault, "open", refuse if isinstance(lost, NotDecryptable) else world.vault.open)
    assert world.sync(consent, task="task-2") == "ended"
    assert record(world).reads == before
    assert record(world).status != "active"


def test_a_consent_that_ends_at_a_read_has_spent_it(world: World) -> None:
    consent = world.active_consent()
    world.sync(consent)
    world.due_again(consent)
    world.bank.failures = [None, None, BankAccessLost(BANK_ID, "gone", reason="revoked")]
    assert world.sync(consent, task="task-2") == "ended"
    assert len(record(world).reads) == 2


def test_a_spent_budget_is_waited_for_without_a_call(world: World) -> None:
    consent = world.active_consent()
    for number in range(4):
        stored = world.consents.find(world.organisation_id, consent.id)
        assert stored is not None
        if number:
            wanted = asked_for(
                stored.consent,
                account_id=world.account_id(),
                at=world.clock.now(),
                psu_ip_address=None,
            )
            world.consents.save(wanted, replacing=stored, at=world.clock.now())
        assert world.sync(consent, task=f"task-{number}") == "synced"
        world.clock.move(timedelta(minutes=1))
    world.due_again(consent)
    calls = len(world.bank.calls)
    assert world.sync(consent, task="too many") == "limited"
    assert len(world.bank.calls) == calls
    world.due_again(consent)
    assert world.sync(consent, task="free again") == "synced"


def test_an_account_that_is_left_out_for_its_budget_is_read_as_soon_as_that_is_free(world: World) -> None:
    """Its turn would be later; clients are told when."""
    world.bank.accounts_held = [bank_account(1), bank_account(2)]
    world.bank.token_expires_at = world.clock.now() + timedelta(days=90)
    begun_at = world.clock.now()
    consent, another = world.active_consent(), world.active_consent()
    world.sync(consent)
    spent = min(
        world.accounts.list(world.organisation_id, limit=9, after=None), key=lambda found: found.iban or ""
    )
    world.bank.accounts_held = [bank_account(1)]
    for number in range(3):
        world.clock.move(timedelta(minutes=10))
        ask(world, another, spent.id)
        assert world.sync(another, task=f"asked-{number}") == "synced"
    world.bank.accounts_held = [bank_account(1), bank_account(2)]
    world.due_again(consent)
    in_turn_at = world.clock.now()
    calls = len(world.bank.calls)
    assert world.sync(consent, task="in turn") == "synced"
    assert [call for call in world.bank.calls[calls:] if call.startswith("balances")] == [
        "balances resource-2"
    ]
    free_at = begun_at + DAY + READ_TIME
    for _ in range(4):
        found = world.accounts.find(world.organisation_id, spent.id)
        assert found is not None
        shown = public_account(found, at=world.clock.now(), wall_at=world.clock.now())
        assert shown.next_refresh_at == shown.refresh.next_refresh_at == free_at
        world.due_again(consent)
        if world.clock.now() == free_at:
            break
        assert world.sync(consent, task=f"at {world.clock.now()}") == "synced"
    calls = len(world.bank.calls)
    assert world.sync(consent, task="free") == "synced"
    assert [call for call in world.bank.calls[calls:] if call.startswith("balances")] == [
        "balances resource-1"
    ]
    assert most_in_a_day(world) <= 4
    after = world.consent(consent)
    assert after.wanted == ()
    assert after.next_sync_at is not None
    assert (after.next_sync_at - in_turn_at) % timedelta(hours=8) == timedelta()


def test_a_new_consent_to_an_account_whose_reads_are_spent_waits(world: World) -> None:
    world.bank.token_expires_at = world.clock.now() + timedelta(days=9)
    first = world.active_consent()
    world.sync(first)
    account = world.data.document(paths.account(world.organisation_id, world.account_id()))
    account.update({"reads": [world.clock.now()] * 4})
    second = world.active_consent()
    world.bank.unattended.clear()
    assert world.sync(second, task="task-2") == "limited"
    assert [name for name, _ in world.bank.unattended] == ["accounts"]
    after = world.consent(second)
    assert (after.last_synced_at, after.account_ids) == (None, (world.account_id(),))
    world.due_again(second)
    assert world.sync(second, task="task-3") == "synced"


def test_a_bank_that_says_429_is_asked_no_more_and_it_is_no_success(world: World) -> None:
    consent = world.active_consent()
    world.sync(consent)
    as_of = record(world).data_as_of
    world.due_again(consent)
    retry_at = world.clock.now() + timedelta(hours=3)
    world.bank.failures = [None, None, BankRateLimited(BANK_ID, "429", retry_at=retry_at)]
    assert world.sync(consent, task="task-2") == "postponed"
    after = world.consent(consent)
    assert after.last_failure is not None
    assert after.last_failure.code == "RATE_LIMITED"
    assert after.next_sync_at == retry_at
    account = record(world)
    assert account.data_as_of == as_of
    assert refresh_budget(account, at=world.clock.now()).remaining == 0
    assert refresh_budget(account, at=retry_at).remaining > 0
    world.due_again(consent)
    assert world.sync(consent, task="task-3") == "synced"
    assert world.consent(consent).last_failure is None


def test_a_client_that_asks_gets_its_account_read_and_the_schedule_stays(world: World) -> None:
    world.bank.accounts_held = [bank_account(1), bank_account(2)]
    consent = world.active_consent()
    world.sync(consent)
    scheduled = world.consent(consent).next_sync_at
    world.clock.move(timedelta(hours=1))
    first, second = world.accounts.list(world.organisation_id, limit=10, after=None)
    stored = world.consents.find(world.organisation_id, consent.id)
    assert stored is not None
    wanted = asked_for(
        stored.consent, account_id=first.id, at=world.clock.now(), psu_ip_address="203.0.113.7"
    )
    world.consents.save(wanted, replacing=stored, at=world.clock.now())
    unattended = list(world.bank.unattended)
    assert world.sync(consent, task="asked") == "synced"
    assert world.bank.unattended == unattended
    now = {item.id: item for item in world.accounts.list(world.organisation_id, limit=10, after=None)}
    assert now[first.id].data_as_of == world.clock.now()
    assert now[second.id] == second
    after = world.consent(consent)
    assert (after.next_sync_at, after.wanted, after.in_turn_at) == (scheduled, (), None)
