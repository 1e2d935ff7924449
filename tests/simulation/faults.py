"""What goes wrong, and where: every call that a worker makes to the outside passes through one gate.

Each seed has its own weather: which kinds of faults it knows, and how often they come.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal

import grpc
from google.api_core.exceptions import DeadlineExceeded, RetryError, ServiceUnavailable
from greenlet import getcurrent

from localcloud.firestore.in_process import RpcFailure
from shared.domain.errors import BankRateLimited, BankTimeout, BankUnavailable
from tests.simulation.kernel import MINUTE, SECOND, Kernel, Worker

Place = Literal["store", "bank", "kms", "tasks"]
Fault = Literal[
    "crash_before", "crash_after", "answer_lost", "refused", "stall_before", "stall_after", "rate_limited"
]

_KINDS: dict[Place, tuple[Fault, ...]] = {
    "store": ("crash_before", "crash_after", "answer_lost", "refused", "stall_before", "stall_after"),
    "bank": (
        "crash_before", "crash_after", "answer_lost", "refused", "stall_before", "stall_after", "rate_limited",
    ),
    "kms": ("crash_before", "crash_after", "answer_lost", "refused", "stall_before", "stall_after"),
    "tasks": ("crash_before", "crash_after", "answer_lost", "refused", "stall_before", "stall_after"),
}  # fmt: skip
_LATENCY_US: dict[Place, tuple[int, int]] = {
    "store": (2_000, 40_000),
    "bank": (50_000, 3 * SECOND),
    "kms": (5_000, 30_000),
    "tasks": (5_000, 50_000),
}
_STALL_MAX_US = 40 * MINUTE
_BANK_STALL_MAX_US = 2 * MINUTE
"""On the way to the bank: a call that takes longer is given up by the connector's own timeout."""


EXPECTED_ERRORS = (DeadlineExceeded, ServiceUnavailable, RetryError, grpc.RpcError)
"""What the weather's faults may end a request with."""


class Weather:
    """How often what happens; drawn once a seed. `calm` ends all of it."""

    def __init__(self, rng: random.Random) -> None:
        self.fault_rate = rng.choice((0.005, 0.015, 0.03, 0.06))
        self.kinds: dict[Place, tuple[Fault, ...]] = {
            place: tuple(kind for kind in kinds if rng.random() < 0.7) for place, kinds in _KINDS.items()
        }
        self.duplicates = rng.choice((0.0, 0.1, 0.4))
        self.late_duplicates_us = rng.choice((10 * SECOND, 20 * MINUTE, 1_800 * MINUTE))
        self.reorder_us = rng.choice((SECOND, MINUTE, 20 * MINUTE))
        self.skew_us = rng.choice((0, SECOND, 10 * SECOND))
        self.missed_ticks = rng.choice((0.0, 0.2))
        self.terminations = rng.choice((0.0, 0.0, 0.02))
        """How likely a worker learns between two calls to the bank that it has to end."""

    def calm(self) -> None:
        self.fault_rate = 0.0
        self.duplicates = 0.0
        self.reorder_us = SECOND
        self.missed_ticks = 0.0
        self.terminations = 0.0


class Log:
    """What happened, in order: the same for every run of the same seed."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def add(self, *event: Any) -> None:
        self.events.append(event)


class Gate:
    """Between the workers and everything outside of them."""

    def __init__(self, kernel: Kernel, weather: Weather, rng: random.Random, log: Log) -> None:
        self._kernel = kernel
        self._weather = weather
        self._rng = rng
        self._log = log
        self.calls: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()

    def pass_through(self, place: Place, name: str, act: Callable[[], Any]) -> Any:
        """What `act` returns, if the answer arrives. Without a worker (a check looks on) nothing goes wrong."""
        worker = getcurrent()
        if not isinstance(worker, Worker):
            return act()
        if worker.is_dead:
            worker.die()
        worker.faults_before_this_call = worker.faults
        fault = self._draw(place)
        worker.faults += fault is not None
        worker.is_held_up = fault == "stall_before"
        self.calls[place] += 1
        self._log.add(self._kernel.now_us, worker.name, place, name, fault)
        low, high = _LATENCY_US[place]
        latency = low + int(self._rng.random() * (high - low))
        self._kernel.sleep(latency // 2)
        if fault == "stall_before":
            self._stall(_BANK_STALL_MAX_US if place == "bank" else _STALL_MAX_US)
        elif fault == "crash_before":
            worker.die()
        elif fault == "refused":
            raise _refusal(place)
        elif fault == "rate_limited":
            raise BankRateLimited("sim-hr", "429 by the weather")
        result = act()
        self._kernel.sleep(latency - latency // 2)
        if fault == "stall_after":
            self._stall(_STALL_MAX_US)
        elif fault == "crash_after":
            worker.die()
        elif fault == "answer_lost":
            raise _loss(place, self._rng)
        return result

    def _draw(self, place: Place) -> Fault | None:
        if self._rng.random() >= self._weather.fault_rate:
            return None
        kinds = self._weather.kinds[place]
        if not kinds:
            return None
        fault = kinds[int(self._rng.random() * len(kinds))]
        self.faults[f"{place} {fault}"] += 1
        return fault

    def _stall(self, longest_us: int) -> None:
        self._kernel.sleep(int(self._rng.random() ** 2 * longest_us))


def _refusal(place: Place) -> Exception:
    if place == "store":
        return RpcFailure(grpc.StatusCode.UNAVAILABLE, "the weather")
    if place == "bank":
        return BankUnavailable("sim-hr", "503 by the weather")
    return ServiceUnavailable("the weather")


def _loss(place: Place, rng: random.Random) -> Exception:
    """The effect stands, the caller does not know. The client library retries some of these by itself."""
    if place == "store":
        code = grpc.StatusCode.UNAVAILABLE if rng.random() < 0.5 else grpc.StatusCode.DEADLINE_EXCEEDED
        return RpcFailure(code, "the answer was lost")
    if place == "bank":
        return BankTimeout("sim-hr", "the answer was lost")
    return DeadlineExceeded("the answer was lost")
