"""Two workers on one consent, in every order: google-cloud-testutils' `orchestrate` tries them all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

from test_utils.orchestrate import orchestrate

from localcloud.firestore.engine import Engine
from localcloud.firestore.in_process import InProcessChannel, in_process_client
from shared.domain.consents import Consent
from tests.simulation.syncpoints import SteppedBank, SteppedConsents, SteppedTokens
from tests.unit.use_cases.conftest import World
from tests.unit.use_cases.test_sync_consent import history


def new_world() -> World:
    return World(in_process_client(InProcessChannel(Engine()), project="tok", database="sandbox"))


class Race:
    """Each order gets a world of its own: the first of the workers to start makes it, the last to end judges it."""

    def __init__(
        self,
        *,
        prepare: Callable[[World], Consent],
        work: Callable[[World, Consent, str], str],
        judge: Callable[[World, Consent, list[str]], None],
    ) -> None:
        self._prepare, self._work, self._judge = prepare, work, judge
        self._lock = threading.Lock()
        self._started = 0
        self.orders = 0

    def worker(self, task: str) -> Callable[[], None]:
        def run() -> None:
            with self._lock:
                if self._started % 2 == 0:
                    self._world = new_world()
                    self._consent = self._prepare(self._world)
                    self._outcomes: list[str] = []
                self._started += 1
            world, consent, outcomes = self._world, self._consent, self._outcomes
            outcomes.append(self._work(world, consent, task))
            if len(outcomes) == 2:
                self.orders += 1
                self._judge(world, consent, outcomes)

        return run


def with_history(world: World) -> Consent:
    world.bank.booked["resource-1"] = history(5)
    return world.active_consent()


def claim(world: World, consent: Consent, task: str) -> str:
    return world.sync(consent, task=task, consents=SteppedConsents(world.consents))


def one_has_read(world: World, consent: Consent, outcomes: list[str]) -> None:
    assert outcomes.count("synced") == 1, outcomes
    assert world.bank.calls.count("booked resource-1 0") == 1, "the bank was read twice"
    assert len(world.rows(world.account_id())) == 5
    assert world.consent(consent).lease.until is None


def test_of_two_tasks_one_gets_the_lease_in_every_order() -> None:
    race = Race(prepare=with_history, work=claim, judge=one_has_read)
    counts = orchestrate(race.worker("task-1"), race.worker("task-2"), name="lease")
    assert min(counts) >= 2, "there must be something to pass each other at"
    assert race.orders >= 10


def test_of_two_deliveries_of_one_task_one_gets_the_lease_in_every_order() -> None:
    race = Race(prepare=with_history, work=claim, judge=one_has_read)
    counts = orchestrate(race.worker("task-1"), race.worker("task-1"), name="lease")
    assert min(counts) >= 2
    assert race.orders >= 10


def with_an_expired_token(world: World) -> Consent:
    consent = with_history(world)
    world.clock.move(timedelta(minutes=30))
    return consent


def refresh(world: World, consent: Consent, task: str) -> str:
    stepped = SteppedBank(world.bank)
    return world.sync(consent, task=task, consents=SteppedTokens(world.consents), banks=stepped)


def the_tokens_still_work(world: World, consent: Consent, outcomes: list[str]) -> None:
    assert "synced" in outcomes, outcomes
    assert world.consent(consent).status == "active"
    sealed = world.consents.sealed_tokens(world.organisation_id, consent.id)
    assert sealed is not None
    stored = world.vault.open(sealed, organisation_id=world.organisation_id, consent_id=consent.id)
    assert stored.refresh_token == world.bank.refresh_token, "what is stored is what the bank takes"


def test_two_deliveries_that_refresh_keep_the_connection_in_every_order() -> None:
    """The bank takes a refresh token once, and ends the connection at the second use of one."""
    race = Race(prepare=with_an_expired_token, work=refresh, judge=the_tokens_still_work)
    orchestrate(race.worker("task-1"), race.worker("task-1"), name="refresh")
    assert race.orders >= 3


def test_two_tasks_that_refresh_keep_the_connection_in_every_order() -> None:
    race = Race(prepare=with_an_expired_token, work=refresh, judge=the_tokens_still_work)
    orchestrate(race.worker("task-1"), race.worker("task-2"), name="refresh")
    assert race.orders >= 3
