"""Whether a bank may be asked now, and what came of it: one circuit breaker a bank, shared by all workers."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from shared.domain import bank_health
from shared.domain.bank_health import BankHealth
from shared.domain.clock import Clock
from shared.domain.errors import (
    BankConfigurationError,
    BankError,
    BankLeftAlone,
    BankTimeout,
    BankUnavailable,
    StaleWrite,
)
from shared.use_cases.notices import Notices
from shared.use_cases.ports import Version

_ATTEMPTS = 3
"""At storing an outcome. When others store theirs all the time, ours is not missed."""

_SPREAD = timedelta(seconds=30)
"""Over which those who were turned away come back."""


class BankHealths(Protocol):
    """Kept for all organisations together; in the sandbox for each apart, as its banks fail for it on purpose."""

    def find(self, organisation_id: str, bank_id: str) -> tuple[BankHealth, Version | None]:
        """A bank that nothing is known of is healthy, and has no version."""
        ...

    def save(self, organisation_id: str, health: BankHealth, *, version: Version | None) -> None:
        """Raises StaleWrite."""
        ...


class BankBreaker:
    """Of one bank during one sync, or for one person who waits.

    A healthy bank costs one read; a write every few minutes while there is news, and else once a day.
    """

    def __init__(
        self, organisation_id: str, bank_id: str, *, healths: BankHealths, notices: Notices, clock: Clock
    ) -> None:
        self._organisation_id = organisation_id
        self._bank_id = bank_id
        self._healths = healths
        self._notices = notices
        self._clock = clock
        self._seen: BankHealth | None = None

    def refused_until(self) -> datetime | None:
        """None: ask it. Else when to come back. Of all who come when it is half-open, one is let through."""
        self._seen, version = self._healths.find(self._organisation_id, self._bank_id)
        found = bank_health.verdict(self._seen, at=self._clock.now())
        if found.probing is not None:
            try:
                self._healths.save(self._organisation_id, found.probing, version=version)
            except StaleWrite:
                return self._later(self._clock.now())
        return None if found.refused_until is None else self._later(found.refused_until)

    def require_closed(self) -> None:
        """For a person who waits. No probe: that a bank takes consents does not tell that its accounts can be read,
        so neither does it close the breaker. Raises BankLeftAlone."""
        self._seen, _ = self._healths.find(self._organisation_id, self._bank_id)
        now = self._clock.now()
        if self._seen.open_until is not None and self._seen.is_open(at=now):
            wait_seconds = math.ceil((self._seen.open_until - now).total_seconds())
            raise BankLeftAlone(
                self._bank_id,
                "The bank is not available at the moment. Please try again later.",
                retry_after_seconds=max(1, wait_seconds),
            )

    def failed_to_start(self, error: BankError) -> None:
        if isinstance(error, BankUnavailable | BankTimeout):
            self.failed(error)

    def succeeded(self, *, is_news: bool) -> None:
        self._note(lambda health: bank_health.succeeded(health, at=self._clock.now(), is_news=is_news))

    def answered(self) -> None:
        """It is there, though nothing was read to its end."""
        self._note(lambda health: bank_health.answered(health, at=self._clock.now()))

    def failed(self, error: BankError) -> None:
        """Of every error, those count that are the bank's; the others show that it is there."""
        if isinstance(error, BankConfigurationError):
            return
        if not isinstance(error, BankUnavailable | BankTimeout):
            self.answered()
            return
        retry_at = error.retry_at if isinstance(error, BankUnavailable) else None
        jitter = random.random()  # noqa: S311 - spreads load, guards nothing
        self._note(
            lambda health: bank_health.failed(health, at=self._clock.now(), retry_at=retry_at, jitter=jitter),
            always=True,
        )

    def _note(self, change: Callable[[BankHealth], BankHealth], *, always: bool = False) -> None:
        if not always and self._seen is not None and change(self._seen) is self._seen:
            return
        for _ in range(_ATTEMPTS):
            health, version = self._healths.find(self._organisation_id, self._bank_id)
            changed = change(health)
            if changed is health:
                return
            try:
                self._healths.save(self._organisation_id, changed, version=version)
            except StaleWrite:
                continue
            if changed.open_until is not None and changed.open_until != health.open_until:
                self._notices.breaker_opened(self._bank_id, until=changed.open_until)
            return

    def _later(self, at: datetime) -> datetime:
        return at + _SPREAD * random.random()  # noqa: S311 - spreads load, guards nothing
