"""Rate limits at the edge, between the key and the handler: a verdict on each request, and what its reply says.

At most one store trip a request, and none where tokens are held here or the next one is known to be away. With
the store out of reach each instance counts for itself, and says so: `limiter_degraded` is a log line that a metric
counts.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Protocol

import structlog

from shared.domain.clock import Clock
from shared.domain.organisations import Tier
from shared.domain.rate_limits import (
    LIMITS,
    Charge,
    Limit,
    Meter,
    Refund,
    StoreOutOfReach,
    Tally,
    Verdict,
    is_astray,
)

_METERS_MAX = 10_000
_ALONE_US = 1_000_000
"""After a failure an organisation's requests do not wait for the store for so long."""
_SKEW_US = 1_000_000
"""An instance's clock that differs more from the store's is set right."""


class RateLimits(Protocol):
    def charge(self, organisation_id: str, charge: Charge, *, interval_us: int) -> Tally:
        """Raises StoreOutOfReach."""
        ...

    def give_back(self, organisation_id: str, refund: Refund) -> None: ...

    def forget(self, organisation_id: str) -> None: ...


class _Entry:
    __slots__ = ("alone_until_us", "lock", "meter", "waiting")

    def __init__(self) -> None:
        self.alone_until_us = 0
        self.lock = Lock()
        self.meter = Meter()
        self.waiting = 0


class RateLimiter:
    """For all organisations that one instance serves. Safe for threads."""

    def __init__(
        self, store: RateLimits, *, clock: Clock, log: structlog.typing.FilteringBoundLogger
    ) -> None:
        self._store = store
        self._clock = clock
        self._log = log
        self._offset_us = 0
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._lock = Lock()

    def take(self, organisation_id: str, tier: Tier) -> Verdict:
        """One request of this organisation. Never raises: a limiter that is broken limits here alone."""
        limit = LIMITS[tier]
        with self._lock:
            entry = self._entry(organisation_id)
            entry.waiting += 1
        with entry.lock:  # requests that come meanwhile are charged for together
            try:
                return self._take(organisation_id, limit, entry)
            finally:
                with self._lock:
                    entry.waiting -= 1

    def _entry(self, organisation_id: str) -> _Entry:
        entry = self._entries.get(organisation_id)
        if entry is None:
            entry = self._entries[organisation_id] = _Entry()
            if len(self._entries) > _METERS_MAX:
                self._entries.popitem(last=False)
        else:
            self._entries.move_to_end(organisation_id)
        return entry

    def _take(self, organisation_id: str, limit: Limit, entry: _Entry) -> Verdict:
        now_us, meter = self._now_us(), entry.meter
        begun = meter.begin(limit, now_us=now_us, waiting=entry.waiting)
        if isinstance(begun, Verdict):
            return begun
        if now_us < entry.alone_until_us:
            return self._degraded(organisation_id, limit, meter, cause="a failure just before")
        try:
            tally = self._store.charge(organisation_id, begun, interval_us=limit.interval_us)
        except StoreOutOfReach as failure:
            entry.alone_until_us = self._now_us() + _ALONE_US
            return self._degraded(organisation_id, limit, meter, cause=str(failure))
        self._heed_clock(sent_us=now_us, tally=tally)
        if is_astray(begun, tally):
            self._log.warning("limiter_reset", organisation=organisation_id)
            self._store.forget(organisation_id)
            return meter.without_store(limit, now_us=self._now_us())
        verdict, refund = meter.settle(limit, begun, tally)
        if refund is not None:
            self._store.give_back(organisation_id, refund)
        return verdict

    def _degraded(self, organisation_id: str, limit: Limit, meter: Meter, *, cause: str) -> Verdict:
        self._log.warning("limiter_degraded", organisation=organisation_id, cause=cause)
        return meter.without_store(limit, now_us=self._now_us())

    def _now_us(self) -> int:
        return int(self._clock.now().timestamp() * 1_000_000) + self._offset_us

    def _heed_clock(self, *, sent_us: int, tally: Tally) -> None:
        received_us = self._now_us()
        ahead_us = (sent_us + received_us) // 2 - tally.committed_us
        if abs(ahead_us) > _SKEW_US + (received_us - sent_us):
            self._offset_us -= ahead_us
            with self._lock:
                self._entries.clear()  # what they know was said in the wrong time
            self._log.warning("clock_skew", aheadUs=ahead_us)


def rate_limit_headers(verdict: Verdict) -> tuple[tuple[str, str], ...]:
    """`X-RateLimit-*`, and `RateLimit-Policy` and `RateLimit` as draft-ietf-httpapi-ratelimit-headers-11 has them.

    A refusal's `RateLimit` names only the policy that refused: the draft wants no window in it that is longer than
    Retry-After.
    """
    limit = verdict.limit
    reset_seconds = verdict.reset_seconds
    until_reset = max(1, reset_seconds - verdict.now_us // 1_000_000)
    if verdict.refused_by is not None:
        current = f'"{verdict.refused_by}";r=0;t={verdict.retry_after_seconds}'
    else:
        until_full = max(1, (limit.burst - verdict.tokens) * limit.interval_us // 1_000_000)
        current = f'"burst";r={verdict.tokens};t={until_full}, "minute";r={verdict.remaining};t={until_reset}'
    return (
        ("X-RateLimit-Limit", str(limit.per_minute)),
        ("X-RateLimit-Remaining", str(verdict.remaining)),
        ("X-RateLimit-Reset", str(reset_seconds)),
        ("RateLimit-Policy", _POLICIES.get(limit) or _policy(limit)),
        ("RateLimit", current),
    )


def _policy(limit: Limit) -> str:
    refill_seconds = limit.burst * limit.interval_us // 1_000_000
    return f'"burst";q={limit.burst};w={refill_seconds}, "minute";q={limit.per_minute};w=60'


_POLICIES = {limit: _policy(limit) for limit in LIMITS.values()}
