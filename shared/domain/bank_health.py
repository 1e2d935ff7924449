"""How a bank is doing, as our own reads find it: a circuit breaker (Nygard, "Release It!") as pure data.

closed -> five failures in a row -> open -> its time passes -> half-open: one probe -> closed, or open for longer.
A failure is the bank's own (out of reach, 5xx, no answer in time), never one PSU's 4xx, 429 or lost access.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

HealthStatus = Literal["operational", "degraded", "down"]

FAILURES_TO_OPEN = 5
OPEN_FIRST = timedelta(seconds=30)
OPEN_MAX = timedelta(minutes=15)
RETRY_AFTER_MAX = timedelta(hours=6)
"""However long a bank asks for: a wrong header must not shut it out for days."""

PROBE_LASTS = timedelta(minutes=2)
"""After this, whoever probed has died or hangs, and another may."""

PROBE_AWAITED = timedelta(seconds=15)
"""How long the others wait for the probe's outcome before they look again: most take seconds."""

SUCCESS_NOTED_EVERY = timedelta(minutes=5)
"""A healthy bank's successes are written this often at most."""

QUIET_SUCCESS_NOTED_EVERY = timedelta(hours=24)
"""And those that brought nothing new this often: a sync without news is to cost no third document."""

_JITTER_MIN = 0.1
_DOUBLINGS_MAX = 10


class BankHealth(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    bank_id: str
    failures: int = 0
    """In a row."""
    failing_since: datetime | None = None
    opened: int = 0
    """Times in a row, with no success between."""
    opened_at: datetime | None = None
    """The first of them."""
    open_until: datetime | None = None
    """None while closed; half-open once it has passed."""
    probe_until: datetime | None = None
    recovered_at: datetime | None = None
    last_success_at: datetime | None = None

    def status(self, *, at: datetime) -> HealthStatus:
        if self.is_open(at=at):
            return "down"
        return "degraded" if self.failures else "operational"

    def since(self, *, at: datetime) -> datetime | None:
        """When that status began; None when it has never been another."""
        match self.status(at=at):
            case "down":
                return self.opened_at
            case "degraded":
                return self.failing_since if self.open_until is None else self.open_until
            case _:
                return self.recovered_at

    def is_open(self, *, at: datetime) -> bool:
        return self.open_until is not None and at < self.open_until


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    refused_until: datetime | None = None
    """None: the bank may be asked."""
    probing: BankHealth | None = None
    """To be stored before the bank is asked: only who stores it is the one probe."""


def verdict(health: BankHealth, *, at: datetime) -> Verdict:
    if health.open_until is None:
        return Verdict()
    if at < health.open_until:
        return Verdict(refused_until=health.open_until)
    if health.probe_until is not None and at < health.probe_until:
        return Verdict(refused_until=min(health.probe_until, at + PROBE_AWAITED))
    return Verdict(probing=msgspec.structs.replace(health, probe_until=at + PROBE_LASTS))


def failed(health: BankHealth, *, at: datetime, retry_at: datetime | None, jitter: float) -> BankHealth:
    """`jitter` is from 0 to 1, `retry_at` the bank's own word. The same object when there is nothing to store."""
    if health.is_open(at=at):
        return health  # whoever failed now was under way when it opened
    failures = health.failures + 1
    failing_since = health.failing_since or at
    if health.open_until is None and failures < FAILURES_TO_OPEN:
        return msgspec.structs.replace(health, failures=failures, failing_since=failing_since)
    opened = health.opened + 1
    open_until = at + open_for(opened, jitter=jitter)
    if retry_at is not None:
        open_until = max(open_until, min(retry_at, at + RETRY_AFTER_MAX))
    return msgspec.structs.replace(
        health,
        failures=failures,
        failing_since=failing_since,
        opened=opened,
        opened_at=health.opened_at or at,
        open_until=open_until,
        probe_until=None,
    )


def open_for(opened: int, *, jitter: float) -> timedelta:
    """Full jitter under a ceiling that doubles from 30 seconds to 15 minutes, and never nothing."""
    ceiling = min(OPEN_FIRST * (1 << min(opened - 1, _DOUBLINGS_MAX)), OPEN_MAX)
    return ceiling * max(jitter, _JITTER_MIN)


def succeeded(health: BankHealth, *, at: datetime, is_news: bool = True) -> BankHealth:
    """A sync was read to its end. The same object when there is nothing worth storing."""
    noted, every = health.last_success_at, SUCCESS_NOTED_EVERY if is_news else QUIET_SUCCESS_NOTED_EVERY
    if not health.failures and noted is not None and noted <= at < noted + every:
        return health
    return msgspec.structs.replace(answered(health, at=at), last_success_at=at)


def answered(health: BankHealth, *, at: datetime) -> BankHealth:
    """The bank is there, whatever it said to this one PSU."""
    if not health.failures:
        return health
    return BankHealth(bank_id=health.bank_id, recovered_at=at, last_success_at=health.last_success_at)
