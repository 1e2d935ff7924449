"""Virtual time and workers that take turns: one thing happens at a time, in an order that the seed alone decides."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from greenlet import getcurrent, greenlet

from localcloud.clock import from_us, to_us

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Died(BaseException):
    """The worker's process is gone: nothing that it still does reaches anybody."""


class Worker(greenlet):
    """One process at work on one delivery. Its clock may be wrong by `skew_us`."""

    def __init__(self, run: Callable[[], None], *, hub: Any, name: str, skew_us: int = 0) -> None:
        super().__init__(run, parent=hub)
        self.name = name
        self.skew_us = skew_us
        self.is_dead = False
        self.faults = 0
        self.faults_before_this_call = 0
        self.is_held_up = False
        """The call that it is making was stalled on its way."""
        self.is_stopping = False
        """It has been told to end."""

    def die(self) -> None:
        self.is_dead = True
        raise Died


class Kernel:
    """What happens, when. Times are microseconds since 1970."""

    def __init__(self, start: datetime) -> None:
        self.now_us = to_us(start)
        self.events = 0
        self._heap: list[tuple[int, int, Callable[[], object]]] = []
        self._count = 0
        self._hub = getcurrent()
        self._until_us = self.now_us

    def now(self) -> datetime:
        return from_us(self.now_us)

    def at(self, when_us: int, act: Callable[[], object]) -> None:
        """`act` runs then, or now where that is past; what is due at once runs in the order of the calls."""
        self._count += 1
        heapq.heappush(self._heap, (max(when_us, self.now_us), self._count, act))

    def start(self, run: Callable[[], None], *, name: str, skew_us: int = 0) -> Worker:
        """A worker that begins now. Only the kernel's own events may call this."""
        worker = Worker(run, hub=self._hub, name=name, skew_us=skew_us)
        worker.switch()
        return worker

    def sleep(self, microseconds: int) -> None:
        """The calling worker waits, and others go on meanwhile."""
        wake_us = self.now_us + microseconds
        if wake_us <= self._until_us and (not self._heap or self._heap[0][0] > wake_us):
            self.now_us = wake_us
            return
        self.at(wake_us, getcurrent().switch)
        self._hub.switch()

    def run_until(self, end_us: int) -> None:
        """Everything up to then, and then it is then."""
        self._until_us = end_us
        while self._heap and self._heap[0][0] <= end_us:
            when_us, _, act = heapq.heappop(self._heap)
            self.now_us = max(self.now_us, when_us)
            act()
        self.now_us = max(self.now_us, end_us)


class SimulatedClock:
    """What a worker believes the time is; everybody else knows it."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def now(self) -> datetime:
        worker = getcurrent()
        skew_us = worker.skew_us if isinstance(worker, Worker) else 0
        believed = self._kernel.now_us + skew_us
        return from_us(believed - believed % 1_000)


class SimulatedTime:
    """Stands in for the `time` module where a library waits before it tries again."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def monotonic(self) -> float:
        return self._kernel.now_us / SECOND

    def sleep(self, seconds: float) -> None:
        if isinstance(getcurrent(), Worker):
            self._kernel.sleep(round(seconds * SECOND))


def us(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1)
