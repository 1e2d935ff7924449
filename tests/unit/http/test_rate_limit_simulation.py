"""Rate limits over many instances that share a slow store: 10,000 seeded schedules.

Each schedule has a tier, 1 to 50 instances, a load from a trickle to many times the limit, and a routing. The store
applies charges and refunds in the order in which they arrive, each after a delay of its own, so that instances decide
on what is already old. A schedule is judged by itself:
- no calendar minute lets in more than the tier's limit, whatever was leased;
- no window of w seconds lets in more than burst + rate × (w + 1 s);
- where requests come faster than the tier allows, at least 95 % of what one limiter without delays would let in;
- no more store trips than requests.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, get_args

import pytest

from shared.domain.organisations import Tier
from shared.domain.rate_limits import (
    LEASE_US,
    LIMITS,
    MINUTE_US,
    Charge,
    Limit,
    Meter,
    Refund,
    Tally,
    Verdict,
)  # fmt: skip
from tests.fakes.rate_limits import FakeRateLimits

SCHEDULES = 10_000
CHUNKS = 20
START_US = 29_400_000 * MINUTE_US


class Simulation:
    def __init__(self, seed: int, *, skew_us: int = 0) -> None:
        self.chosen = random.Random(seed)
        tier: Tier = self.chosen.choice(get_args(Tier))
        self.limit: Limit = LIMITS[tier]
        self.store = FakeRateLimits()
        self.admitted_us: list[int] = []
        """By the clocks of the instances."""
        self.admitted_really_us: list[int] = []
        self.refused = 0
        self.delay_max_us = self.chosen.choice((2_000, 20_000, 60_000))
        count = self.chosen.choice((1, 1, 2, 3, 5, 10, 20, 50))
        self.nodes = [
            Node(self, skew_us=self.chosen.randint(-skew_us, skew_us) if skew_us else 0) for _ in range(count)
        ]
        self._events: list[tuple[int, int, Callable[[int, Any], None], Any]] = []
        self._numbers = itertools.count()
        self.load = self.chosen.choice((0.3, 0.8, 1.5, 2, 4, 10))
        self.arrivals_us = self._arrivals()

    def after_a_delay(self, now_us: int, event: Callable[[int, Any], None], subject: object) -> None:
        at_us = now_us + 1_000 + int(self.chosen.random() * (self.delay_max_us - 999))
        heapq.heappush(self._events, (at_us, next(self._numbers), event, subject))

    def run(self) -> Simulation:
        events, nodes, chance = self._events, self.nodes, self.chosen.random
        stays = 0.7 if chance() < 0.2 else 0.0
        favourite = self.chosen.choice(nodes)
        for arrives_us in self.arrivals_us:
            while events and events[0][0] < arrives_us:
                at_us, _, event, subject = heapq.heappop(events)
                event(at_us, subject)
            node = favourite if chance() < stays else nodes[int(chance() * len(nodes))]
            node.arrive(arrives_us)
        while events:
            at_us, _, event, subject = heapq.heappop(events)
            event(at_us, subject)
        return self

    @property
    def saturates(self) -> bool:
        return self.load >= 1.5

    def _arrivals(self) -> list[int]:
        """Some hundred requests that begin anywhere in a minute: evenly, at random, or in bursts."""
        gap_us = int(self.limit.interval_us / self.load)
        count = (
            self.chosen.randint(150, 600)
            if self.limit.per_minute < 1_000
            else self.chosen.randint(500, 1_500)
        )
        now_us, times = START_US + self.chosen.randrange(MINUTE_US), []
        kind = self.chosen.choice(("even", "random", "bursts"))
        while len(times) < count:
            if kind == "bursts":
                size = self.chosen.randint(1, self.limit.burst)
                times += [now_us + int(self.chosen.random() * 1_000) for _ in range(size)]
                now_us += gap_us * size
            else:
                times.append(now_us)
                now_us += gap_us if kind == "even" else int(self.chosen.expovariate(1 / gap_us))
        return sorted(times)

    def ideal(self) -> int:
        """What one limiter, asked in person and at once, lets in."""
        meter = Meter()
        return sum(
            meter.without_store(self.limit, now_us=at_us).refused_by is None for at_us in self.arrivals_us
        )


class Node:
    """An instance: its requests wait while a charge of theirs is on its way."""

    def __init__(self, simulation: Simulation, *, skew_us: int) -> None:
        self._simulation = simulation
        self._skew_us = skew_us
        self._meter = Meter()
        self._waiting: deque[int] = deque()
        """When they came."""
        self._is_charging = False

    def arrive(self, now_us: int) -> None:
        self._waiting.append(now_us)
        if not self._is_charging:
            self._serve(now_us)

    def _serve(self, now_us: int) -> None:
        simulation, own_us = self._simulation, now_us + self._skew_us
        while self._waiting:
            begun = self._meter.begin(simulation.limit, now_us=own_us, waiting=len(self._waiting))
            if isinstance(begun, Charge):
                self._is_charging = True
                simulation.after_a_delay(now_us, self._reach, begun)
                return
            self._answer(begun)

    def _reach(self, now_us: int, charge: Charge) -> None:
        simulation = self._simulation
        tally = simulation.store.charge("org", charge, interval_us=simulation.limit.interval_us)
        simulation.after_a_delay(now_us, self._settle, (charge, tally))

    def _settle(self, now_us: int, charged: tuple[Charge, Tally]) -> None:
        verdict, refund = self._meter.settle(self._simulation.limit, *charged)
        if refund is not None:
            self._simulation.after_a_delay(now_us, self._give_back, refund)
        self._answer(verdict)
        self._is_charging = False
        self._serve(now_us)

    def _give_back(self, _now_us: int, refund: Refund) -> None:
        self._simulation.store.give_back("org", refund)

    def _answer(self, verdict: Verdict) -> None:
        self._waiting.popleft()
        if verdict.refused_by is None:
            self._simulation.admitted_us.append(verdict.now_us)
            self._simulation.admitted_really_us.append(verdict.now_us - self._skew_us)
        else:
            self._simulation.refused += 1


def busiest_minute(admitted_us: list[int]) -> int:
    return max(Counter(at_us // MINUTE_US for at_us in admitted_us).values(), default=0)


def widest_excess(limit: Limit, admitted_us: list[int], *, extra_us: int = 0) -> int:
    """By how many tokens the worst window of any length exceeds burst + rate × (w + lease + extra); 0 is well."""
    level, last_us, worst = 0, 0, 0
    for at_us in sorted(admitted_us):
        level = max(0, level - (at_us - last_us)) + limit.interval_us
        last_us, worst = at_us, max(worst, level)
    return -(-(worst - limit.burst * limit.interval_us - LEASE_US - extra_us) // limit.interval_us)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_schedules(chunk: int) -> None:
    for seed in range(chunk * SCHEDULES // CHUNKS, (chunk + 1) * SCHEDULES // CHUNKS):
        simulation = Simulation(seed).run()
        limit, admitted = simulation.limit, len(simulation.admitted_us)
        assert admitted + simulation.refused == len(simulation.arrivals_us), seed
        assert busiest_minute(simulation.admitted_us) <= limit.per_minute, seed
        assert widest_excess(limit, simulation.admitted_us) <= 0, seed
        assert simulation.store.trips <= len(simulation.arrivals_us), seed
        if simulation.saturates:
            assert admitted >= 0.95 * simulation.ideal(), seed


def test_clocks_that_differ_by_less_than_what_is_set_right() -> None:
    """A minute is still exact by the instances' clocks. By a true one it may get, at its ends, what fits into the
    difference; and a bucket may hold as much more as comes in it."""
    skew_us = 1_000_000
    for seed in range(500):
        simulation = Simulation(seed, skew_us=skew_us).run()
        limit = simulation.limit
        assert busiest_minute(simulation.admitted_us) <= limit.per_minute, seed
        really_us = simulation.admitted_really_us
        assert widest_excess(limit, really_us, extra_us=2 * skew_us) <= 0, seed
        at_the_ends = limit.burst + 3 * skew_us // limit.interval_us
        assert busiest_minute(really_us) <= limit.per_minute + at_the_ends, seed
