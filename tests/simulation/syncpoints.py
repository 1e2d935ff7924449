"""Where two workers may pass each other: google-cloud-testutils' `orchestrate` finds these marks and tries every order.

The marks are in what workers are given, so that the product carries none. `orchestrate` counts the turns that
each worker takes alone and tries all orders of that many: so a worker that has less to do takes idle turns up to the
number of the longest, and no order is left out. A pause comes with the line after the marked one, so there must be one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Pause = Callable[[], object]


class LeaseTurns:
    def __init__(self) -> None:
        self.taken = 0

    def pause(self) -> int:
        self.taken += 1  # pragma: SYNCPOINT lease
        return self.taken


class RefreshTurns:
    def __init__(self) -> None:
        self.taken = 0

    def pause(self) -> int:
        self.taken += 1  # pragma: SYNCPOINT refresh
        return self.taken


class Stepped:
    """Another object, with a pause before or after some of its calls."""

    def __init__(
        self, inner: Any, pause: Pause, *, before: tuple[str, ...] = (), after: tuple[str, ...] = ()
    ) -> None:
        self._inner, self._pause = inner, pause
        self._before, self._after = before, after

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)
        if name not in self._before and name not in self._after:
            return attribute

        def call(*args: Any, **options: Any) -> Any:
            if name in self._before:
                self._pause()
            answer = attribute(*args, **options)
            if name in self._after:
                self._pause()
            return answer

        return call


class SteppedBank(Stepped):
    """The use cases' Banks, whose connector is stepped too."""

    def connector(self, *args: Any, **options: Any) -> Any:
        self._inner.connector(*args, **options)
        return self
