"""Two workers on one consent, in every order: google-cloud-testutils' `orchestrate` tries them all."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta

import pytest
from test_utils.orchestrate import orchestrate

from localcloud.firestore.engine import Engine
from localcloud.firestore.in_process import InProcessChannel, in_process_client
from shared.domain.consents import Consent, Lease
from tests.simulation.fast_client import patch
from tests.simulation.syncpoints import LeaseTurns, Pause, RefreshTurns, Stepped, SteppedBank
from tests.unit.use_cases.conftest import World
from tests.unit.use_cases.test_sync_consent import history

Work = Callable[[World, Consent, str, Pause], str]


class Race:
    """Each order gets a world of its own: the first of the workers to start makes it, the last to end judges it."""

    def __init__(
        self,
        *,
        turns: type[LeaseTurns] | type[RefreshTurns],
        most_turns: int,
        prepare: Callable[[World], Consent],
        work: Work,
        judge: Callable[[World, Consent, list[str]], None],
    ) -> None:
        self._turns, self._most_turns = turns, most_turns
        self._prepare, self._work, self._judge = prepare, work, judge
        self._lock = threading.Lock()
        self._started = 0
        self.outcomes: set[tuple[str, ...]] = set()
        self.orders = 0

    def run(self, *tasks: str, name: str) -> None:
        with ExitStack() as stack:
            patch(stack)
            counts = orchestrate(*(self._worker(task) for task in tasks), name=name)
        assert counts == (self._most_turns + 1,) * 2
        assert self.orders == math.comb(2 * (self._most_turns + 1), self._most_turns + 1)

    def _worker(self, task: str) -> Callable[[], None]:
        def run() -> None:
            with self._lock:
                if self._started % 2 == 0:
                    data = in_process_client(InProcessChannel(Engine()), project="tok", database="sandbox")
                    self._world = World(data)
                    self._consent = self._prepare(self._world)
                    self._ended: list[str] = []
                self._started += 1
            world, consent, ended = self._world, self._consent, self._ended
            turns = self._turns()
            pause = traced_alone(turns.pause)
            outcome = self._work(world, consent, task, pause)
            while turns.taken < self._most_turns:
                pause()
            assert turns.taken == self._most_turns, "more turns than are tried in every order"
            ended.append(outcome)
            if len(ended) == 2:
                self.orders += 1
                self.outcomes.add(tuple(sorted(ended)))
                self._judge(world, consent, ended)

        return run


def traced_alone(pause: Pause) -> Pause:
    """`orchestrate` traces its threads to find the marks. They are in `pause`: all else may run untraced, and fast."""
    trace = sys.gettrace()
    assert trace is not None
    sys.settrace(None)

    def traced() -> object:
        sys.settrace(trace)
        try:
            return pause()
        finally:
            sys.settrace(None)

    return traced


def with_history(world: World) -> Consent:
    world.bank.booked["resource-1"] = history(5)
    return world.active_consent()


def claim(world: World, consent: Consent, task: str, pause: Pause) -> str:
    """Paused before and after the claim is written, and once more when the bank has been asked for the accounts."""
    stepped = Stepped(world.consents, pause, after=("find",))
    asked = SteppedBank(world.bank, pause, after=("accounts",))
    commits = iter((pause,))

    class Claiming(Stepped):
        def commit(self, *args: object, **options: object) -> object:
            committed = self._inner.commit(*args, **options)
            next(commits, lambda: None)()
            return committed

    outcome: str = world.sync(
        consent, task=task, consents=stepped, banks=asked, store=Claiming(world.store, pause)
    )
    return outcome


def one_has_read(world: World, consent: Consent, outcomes: list[str]) -> None:
    assert outcomes.count("synced") == 1, outcomes
    assert world.bank.calls.count("booked resource-1 0") == 1, "the bank was read twice"
    assert len(world.rows(world.account_id())) == 5
    assert world.consent(consent).lease.until is None


@pytest.mark.parametrize("tasks", [("task-1", "task-2"), ("task-1", "task-1")], ids=["two tasks", "one task"])
def test_one_of_two_gets_the_lease_in_every_order(tasks: tuple[str, str]) -> None:
    """One task may be delivered twice at the same moment too."""
    race = Race(turns=LeaseTurns, most_turns=4, prepare=with_history, work=claim, judge=one_has_read)
    race.run(*tasks, name="lease")
    assert len(race.outcomes) >= 2, "some orders end otherwise than others"


def with_an_expired_token(world: World) -> Consent:
    consent = with_history(world)
    world.clock.move(timedelta(minutes=30))
    return consent


def refresh(world: World, consent: Consent, task: str, pause: Pause) -> str:
    """Paused where the refresh is announced, made, and stored."""
    stepped = Stepped(world.consents, pause, before=("save",))
    asked = SteppedBank(world.bank, pause, before=("refresh",), after=("refresh",))
    outcome: str = world.sync(consent, task=task, consents=stepped, banks=asked)
    return outcome


def the_tokens_still_work(world: World, consent: Consent, outcomes: list[str]) -> None:
    assert "ended" not in outcomes, outcomes
    assert world.consent(consent).status == "active"
    sealed = world.consents.sealed_tokens(world.organisation_id, consent.id)
    assert sealed is not None
    stored = world.vault.open(sealed, organisation_id=world.organisation_id, consent_id=consent.id)
    assert stored.refresh_token == world.bank.refresh_token, "what is stored is what the bank takes"


@pytest.mark.parametrize("tasks", [("task-1", "task-2"), ("task-1", "task-1")], ids=["two tasks", "one task"])
def test_two_that_refresh_keep_the_connection_in_every_order(tasks: tuple[str, str]) -> None:
    """The bank takes a refresh token once, and ends the connection at the second use of one."""
    race = Race(
        turns=RefreshTurns,
        most_turns=4,
        prepare=with_an_expired_token,
        work=refresh,
        judge=the_tokens_still_work,
    )
    race.run(*tasks, name="refresh")


def test_the_race_sees_a_refresh_that_is_not_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lease, "is_refreshing", lambda *_, **__: False)
    race = Race(
        turns=RefreshTurns,
        most_turns=4,
        prepare=with_an_expired_token,
        work=refresh,
        judge=the_tokens_still_work,
    )
    with pytest.raises(AssertionError, match="ended"):
        race.run("task-1", "task-1", name="refresh")
