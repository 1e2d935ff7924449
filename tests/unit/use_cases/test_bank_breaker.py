"""A bank that fails is left alone by every worker, and found again by one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.domain.bank_health import FAILURES_TO_OPEN, OPEN_FIRST, OPEN_MAX, PROBE_LASTS, BankHealth
from shared.domain.errors import (
    BankAccessLost,
    BankLeftAlone,
    BankRateLimited,
    BankRefused,
    BankTimeout,
    BankUnavailable,
    StaleWrite,
)
from shared.gcp.bank_health_store import BankHealthStore
from shared.gcp.bank_healths import BankHealths
from shared.gcp.raw_firestore import RawFirestore
from shared.use_cases.bank_breaker import BankBreaker
from shared.use_cases.notices import NO_NOTICES
from tests.fakes.bank import BANK_ID, bank_transaction
from tests.unit.use_cases.conftest import World
from tests.unit.use_cases.test_consents import complete, start
from tests.unit.use_cases.test_renew_consent import renew

DOWN = BankUnavailable(BANK_ID, "down")


class Crash(BaseException):
    pass


def breaker(world: World) -> BankBreaker:
    return BankBreaker(
        world.organisation_id, BANK_ID, healths=world.healths, notices=NO_NOTICES, clock=world.clock
    )


def health(world: World) -> BankHealth:
    return world.healths.find(world.organisation_id, BANK_ID)[0]


def open_it(world: World, error: Any = DOWN) -> None:
    """By syncs of as many consents."""
    for number in range(FAILURES_TO_OPEN):
        world.bank.failures = [error]
        assert world.sync(world.active_consent(), task=f"fail-{number}") == "postponed"
    assert health(world).status(at=world.clock.now()) == "down"


@pytest.mark.parametrize("error", [DOWN, BankTimeout(BANK_ID, "slow")])
def test_five_failing_syncs_open_it_and_the_next_task_does_not_call_the_bank(
    world: World, error: Exception
) -> None:
    open_it(world, error)
    consent = world.active_consent()
    calls, enqueued = len(world.bank.calls), set(world.tasks.enqueued)
    assert world.sync(consent) == "postponed"
    assert len(world.bank.calls) == calls
    after = world.consent(consent)
    assert (after.status, after.failed_syncs) == ("active", 0), "it has not failed itself"
    open_until = health(world).open_until
    assert open_until is not None
    assert after.next_sync_at is not None
    assert open_until <= after.next_sync_at <= open_until + timedelta(seconds=30)
    [new] = set(world.tasks.enqueued) - enqueued
    assert new[0] == consent.id
    assert world.tasks.enqueued[new] == after.next_sync_at


@pytest.mark.parametrize(
    "error",
    [
        BankRateLimited(BANK_ID, "429"),
        BankRefused(BANK_ID, "no"),
        BankAccessLost(BANK_ID, "gone", reason="refused"),
    ],
)
def test_what_a_bank_says_to_one_psu_is_no_failure_of_the_bank(world: World, error: Exception) -> None:
    for number in range(2 * FAILURES_TO_OPEN):
        world.bank.failures = [error]
        world.sync(world.active_consent(), task=f"task-{number}")
    assert health(world) == BankHealth(bank_id=BANK_ID)


def test_it_closes_when_the_probe_succeeds(world: World) -> None:
    open_it(world)
    consent = world.active_consent()
    world.clock.move(OPEN_MAX)
    assert world.sync(consent) == "synced"
    found = health(world)
    assert (found.status(at=world.clock.now()), found.last_success_at) == ("operational", world.clock.now())
    assert world.sync(world.active_consent(), task="task-2") == "synced"


def test_a_probe_that_was_stopped_before_it_called_leaves_it_open(world: World) -> None:
    """Although it had its list of accounts from an earlier attempt."""
    consent = world.active_consent()
    world.bank.failures = [None, Crash()]  # type: ignore[list-item]
    with pytest.raises(Crash):
        world.sync(consent)
    open_it(world)
    world.clock.move(OPEN_FIRST)
    calls = len(world.bank.calls)
    assert world.sync(consent, should_stop=lambda: True) == "continued"
    assert len(world.bank.calls) == calls
    assert health(world).failures


def test_of_eight_workers_at_once_one_probes(world: World) -> None:
    open_it(world)
    world.clock.move(OPEN_MAX)
    with ThreadPoolExecutor(8) as pool:
        refused = list(pool.map(lambda _: breaker(world).refused_until(), range(8)))
    assert refused.count(None) == 1
    assert breaker(world).refused_until() is not None
    world.clock.move(PROBE_LASTS)
    assert breaker(world).refused_until() is None, "the probe died"


def test_the_banks_retry_after_is_honoured(world: World) -> None:
    hour = world.clock.now() + timedelta(hours=1)
    open_it(world, BankUnavailable(BANK_ID, "down", retry_at=hour))
    assert health(world).open_until == hour


def test_a_healthy_bank_costs_one_read_a_sync_and_no_write(world: World) -> None:
    world.sync(world.active_consent())
    counted = Counted(world.healths)
    consent = world.active_consent()
    assert world.sync(consent, task="task-2", healths=counted) == "synced"
    assert (counted.reads, counted.writes) == (1, 0)


class Counted:
    def __init__(self, healths: BankHealthStore) -> None:
        self._healths = healths
        self.reads = self.writes = 0

    def find(self, organisation_id: str, bank_id: str) -> Any:
        self.reads += 1
        return self._healths.find(organisation_id, bank_id)

    def save(self, organisation_id: str, changed: BankHealth, *, version: Any) -> None:
        self.writes += 1
        self._healths.save(organisation_id, changed, version=version)


def test_an_outcome_that_cannot_be_stored_for_others_is_let_go(world: World) -> None:
    class Contended(Counted):
        def save(self, organisation_id: str, changed: BankHealth, *, version: Any) -> None:
            self.writes += 1
            raise StaleWrite("contended")

    contended = Contended(world.healths)
    world.bank.failures = [DOWN]
    assert world.sync(world.active_consent(), healths=contended) == "postponed"
    assert contended.writes == 3


def test_a_person_is_not_kept_waiting_for_a_bank_that_is_down(world: World) -> None:
    connected = complete(world, start(world).state)
    open_it(world)
    calls, found = len(world.bank.calls), health(world)
    for ask in (lambda: start(world), lambda: renew(world, connected.id)):
        with pytest.raises(BankLeftAlone) as refusal:
            ask()
        assert 1 <= refusal.value.retry_after_seconds <= OPEN_FIRST.total_seconds()
    assert len(world.bank.calls) == calls
    assert world.consent(connected).renewal is None
    world.clock.move(timedelta(seconds=refusal.value.retry_after_seconds))
    start(world)
    renew(world, connected.id)
    assert health(world) == found, "that a bank takes consents is no proof that it can be read, and no probe"


def test_a_start_that_the_bank_fails_counts_as_any_failure(world: World) -> None:
    world.bank.failures = [DOWN] * FAILURES_TO_OPEN
    for _ in range(FAILURES_TO_OPEN - 1):
        with pytest.raises(BankUnavailable):
            start(world)
    world.bank.failures = [None, BankTimeout(BANK_ID, "slow")]
    start(world)
    assert health(world).failures == FAILURES_TO_OPEN - 1, "one that works starts no new row"
    with pytest.raises(BankTimeout):
        start(world)
    assert health(world).status(at=world.clock.now()) == "down"
    open_until = health(world).open_until
    assert open_until is not None
    world.clock.move(open_until - world.clock.now())
    world.bank.failures = [DOWN]
    with pytest.raises(BankUnavailable):
        start(world)
    assert health(world).opened == 2, "half-open, and it failed again"


def test_what_a_bank_refuses_at_a_start_is_no_failure_of_it(world: World) -> None:
    for _ in range(FAILURES_TO_OPEN):
        world.bank.failures = [BankRefused(BANK_ID, "no")]
        with pytest.raises(BankRefused):
            start(world)
    assert health(world) == BankHealth(bank_id=BANK_ID)


def test_a_resync_without_news_writes_no_note_and_one_with_news_does(world: World) -> None:
    consent = world.active_consent()
    world.sync(consent)
    for task, is_news in (("quiet", False), ("news", True)):
        world.due_again(consent)
        if is_news:
            world.bank.booked["resource-1"] = [bank_transaction(1, world.clock.now().date())]
        counted = Counted(world.healths)
        assert world.sync(consent, task=task, healths=counted) == "synced"
        assert counted.writes == is_news


def test_in_live_all_organisations_share_it_and_in_the_sandbox_none(
    world: World, new_world: Any, raw: RawFirestore
) -> None:
    other = new_world()
    opened = BankHealth(bank_id=BANK_ID, failures=5, open_until=world.clock.now() + OPEN_FIRST)
    for environment, shared in (("live", True), ("sandbox", False)):
        store = BankHealthStore(world.data, environment)  # type: ignore[arg-type]
        store.save(world.organisation_id, opened, version=None)
        assert (store.find(other.organisation_id, BANK_ID)[0] == opened) is shared
        healths = BankHealths(raw, environment)  # type: ignore[arg-type]
        assert healths.all_of(world.organisation_id, [BANK_ID, "another"]) == {BANK_ID: opened}
    assert isinstance(opened.open_until, datetime)
