from __future__ import annotations

from typing import Any


class Died(BaseException):
    """As a killed process: nothing catches it."""


class Countdown:
    """How many calls are left to live, over everything that shares it."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def tick(self) -> None:
        if self.left == 0:
            raise Died
        self.left -= 1


class Mortal:
    """`part`, whose process dies at one of its calls: before it, or just `after` it has had its effect."""

    def __init__(self, part: Any, countdown: Countdown, *, after: bool = False) -> None:
        self._part = part
        self._countdown = countdown
        self._after = after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._part, name)

        def call(*arguments: Any, **options: Any) -> Any:
            if not self._after:
                self._countdown.tick()
            result = method(*arguments, **options)
            if self._after:
                self._countdown.tick()
            return result

        return call
