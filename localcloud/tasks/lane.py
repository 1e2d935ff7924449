"""How fast one queue may go: its token bucket, its concurrency, and the slowing down when workers ask for it."""

from __future__ import annotations

_SLOWEST_PER_SECOND = 1.0
_SLOW_DOWN_EVERY_SECONDS = 1.0
_RECOVERY = 1.1


class Lane:
    """Times are seconds of a monotonic clock: moving the platform's clock gives no queue more tokens.

    A 429 or 503 halves the rate (at most once a second, never below one a second), every success gives a tenth back:
    Cloud Tasks documents that it slows down and speeds up, not by how much.
    """

    def __init__(self, *, burst: int, now: float) -> None:
        self.running = 0
        self._tokens = float(burst)
        self._refilled_at = now
        self._slowdown = 1.0
        self._slowed_at = float("-inf")

    def room(self, *, rate: float, burst: int, concurrent: int, now: float) -> int:
        """How many attempts may start now."""
        effective = self._effective(rate)
        self._tokens = min(float(burst), self._tokens + (now - self._refilled_at) * effective)
        self._refilled_at = now
        return max(0, min(int(self._tokens), concurrent - self.running))

    def take(self) -> None:
        self._tokens -= 1
        self.running += 1

    def seconds_to_token(self, *, rate: float) -> float:
        return max(0.0, (1 - self._tokens) / self._effective(rate))

    def note_answer(self, status: int | None, *, now: float) -> None:
        if status in (429, 503):
            if now - self._slowed_at >= _SLOW_DOWN_EVERY_SECONDS:
                self._slowdown *= 2
                self._slowed_at = now
        elif status is not None and 200 <= status <= 299:
            self._slowdown = max(1.0, self._slowdown / _RECOVERY)

    def _effective(self, rate: float) -> float:
        slowest = min(rate, _SLOWEST_PER_SECOND)
        self._slowdown = min(self._slowdown, rate / slowest)
        return rate / self._slowdown
