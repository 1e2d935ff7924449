"""How many requests an organisation may make, and the arithmetic of letting one in. Pure: no I/O, no clock.

Two limits hold at once. At most `per_minute` requests in a calendar minute, and a token bucket of `burst` tokens
that gains one every `interval_us`, kept as GCRA keeps it (ITU-T I.371): one number, the theoretical arrival time
(TAT), which lies ahead of now by as many intervals as tokens are missing.

Both live in the store, shared by every instance. An instance adds its tokens blindly, learns how things stood just
before, and gives back at once what it was not granted. `Meter` is one organisation at one instance: the tokens it
holds, and what it knows. It asks for several at once where requests come fast, and then answers without the store.

What that guarantees, by the instances' clocks:
- a token is counted in the minute in which it is taken, and is used in that minute or never. So the requests let in
  in a calendar minute are never more than `per_minute`, leases included;
- any window of w seconds lets in at most burst + rate × (w + 1 s): a token may be used up to `LEASE_US` after it
  was taken.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from shared.domain.organisations import Tier

MINUTE_US = 60_000_000
LEASE_US = 1_000_000
"""A token that is not used for so long is given back."""
_RETRY_MINUTE_US = 1_000_000
"""How soon the store is asked again in a minute whose requests were used up."""
_CHARGE_ARRIVES_US = 1_000_000
"""After it was made, at the latest."""
_REFUND_ARRIVES_US = 2 * _CHARGE_ARRIVES_US
"""After the charge that it belongs to, at the latest."""
_ASTRAY_US = 2 * MINUTE_US
"""No instance with a right clock leaves a TAT so far ahead: burst and refused charges are seconds."""

Policy = Literal["burst", "minute"]


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    per_minute: int
    """Divides a minute into whole microseconds."""
    burst: int
    lease_max: int
    """Tokens that an instance may take ahead of the requests that use them."""

    @property
    def interval_us(self) -> int:
        return MINUTE_US // self.per_minute


LIMITS: dict[Tier, Limit] = {
    "free": Limit(per_minute=60, burst=10, lease_max=1),
    "pro": Limit(per_minute=300, burst=50, lease_max=5),
    "enterprise": Limit(per_minute=1_000, burst=200, lease_max=20),
}


class StoreOutOfReach(Exception):
    """The store did not answer; what was asked of it may have happened or not."""


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """What an instance adds in one blind write."""

    now_us: int
    tokens: int
    unused: int = 0
    """Tokens of this minute that expired here: the same write gives them back to the minute's count, …"""
    unused_us: int = 0
    """… and these intervals to the bucket."""

    @property
    def minute(self) -> int:
        return self.now_us // MINUTE_US


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How the store stood just before a charge, what was unused already taken off."""

    tat_us: int
    """Never before the charge's `now_us`."""
    minute: int
    count: int
    committed_us: int
    """When the store wrote it, by its own clock."""


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """What was charged and not granted."""

    minute: int
    tokens: int
    tat_us: int


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    limit: Limit
    now_us: int
    refused_by: Policy | None
    """None lets the request in."""
    remaining: int
    """Requests left in the minute."""
    tokens: int
    """Requests that the bucket lets in at once."""
    wait_us: int
    """Until a refused request may be tried again."""

    @property
    def reset_seconds(self) -> int:
        """When the next minute starts, in Unix seconds."""
        return (self.now_us // MINUTE_US + 1) * 60

    @property
    def retry_after_seconds(self) -> int:
        return max(1, -(-self.wait_us // 1_000_000))


def is_astray(charge: Charge, tally: Tally) -> bool:
    """Whether the stored state is nothing that right clocks can make: an instance's clock was minutes ahead."""
    return tally.minute != charge.minute or tally.tat_us - charge.now_us > _ASTRAY_US


def _refund(limit: Limit, charge: Charge, tally: Tally, granted: int) -> Refund:
    """All to the minute's count. To the bucket only while it surely stays less than full until the refund arrives:
    one that is full has forgotten the charge, and would be given more than it lost."""
    short_us = charge.now_us + _REFUND_ARRIVES_US - tally.tat_us
    kept = max(granted, -(-short_us // limit.interval_us))
    over = max(0, charge.tokens - kept)
    return Refund(minute=tally.minute, tokens=charge.tokens - granted, tat_us=over * limit.interval_us)


class Meter:
    """One organisation at one instance; for one caller at a time. `now_us` is Unix time throughout."""

    __slots__ = (
        "_blocked_by", "_blocked_until_us", "_count", "_demand", "_demand_before", "_demand_window", "_held",
        "_held_minute", "_held_tat_us", "_held_until_us", "_minute", "_tat_us",
    )  # fmt: skip

    def __init__(self) -> None:
        self._tat_us = 0
        self._minute = 0
        self._count = 0
        """In `_minute`, as last heard of, with all that this instance holds."""
        self._held = 0
        self._held_minute = 0
        self._held_tat_us = 0
        self._held_until_us = 0
        self._blocked_until_us = 0
        self._blocked_by: Policy = "burst"
        self._demand_window = 0
        self._demand = 0
        self._demand_before = 0

    def begin(self, limit: Limit, *, now_us: int, waiting: int = 1) -> Verdict | Charge:
        """A verdict from what is known here, or what to charge to get one. `waiting` requests are there now."""
        self._see_demand(now_us)
        if self._held > 0 and now_us < self._held_until_us:
            self._held -= 1
            return self._verdict(limit, now_us=now_us, refused_by=None)
        if now_us < self._blocked_until_us:
            return self._verdict(limit, now_us=now_us, refused_by=self._blocked_by)
        expired, self._held = self._held, 0
        expired_us = expired * limit.interval_us
        return Charge(
            now_us=now_us,
            tokens=self._wanted(limit, now_us, waiting),
            unused=expired if self._held_minute == now_us // MINUTE_US else 0,
            # A bucket that was full in the meantime has forgotten them.
            unused_us=expired_us if self._held_tat_us - expired_us >= now_us + _CHARGE_ARRIVES_US else 0,
        )

    def settle(self, limit: Limit, charge: Charge, tally: Tally) -> tuple[Verdict, Refund | None]:
        """The verdict on the request that was charged for, and what to give back at once."""
        in_bucket = max(
            0, (charge.now_us + limit.burst * limit.interval_us - tally.tat_us) // limit.interval_us
        )
        in_minute = max(0, limit.per_minute - tally.count)
        granted = min(charge.tokens, in_bucket, in_minute)
        self._minute = tally.minute
        self._count = tally.count + granted
        self._tat_us = tally.tat_us + granted * limit.interval_us
        refund = _refund(limit, charge, tally, granted) if granted < charge.tokens else None
        if not granted:
            return self._refuse(limit, charge.now_us, by="burst" if in_minute else "minute"), refund
        self._held = granted - 1
        self._held_minute = charge.minute
        self._held_tat_us = self._tat_us
        self._held_until_us = min(charge.now_us + LEASE_US, (charge.minute + 1) * MINUTE_US)
        return self._verdict(limit, now_us=charge.now_us, refused_by=None), refund

    def without_store(self, limit: Limit, *, now_us: int) -> Verdict:
        """The same limits, counted here alone, from where the store was last known to stand."""
        self._held = 0
        minute = now_us // MINUTE_US
        if self._minute != minute:
            self._minute, self._count = minute, 0
        tat_us = min(max(self._tat_us, now_us), now_us + limit.burst * limit.interval_us)
        if self._count >= limit.per_minute:
            return self._refuse(limit, now_us, by="minute")
        if tat_us + limit.interval_us > now_us + limit.burst * limit.interval_us:
            return self._refuse(limit, now_us, by="burst")
        self._count += 1
        self._tat_us = tat_us + limit.interval_us
        return self._verdict(limit, now_us=now_us, refused_by=None)

    def _refuse(self, limit: Limit, now_us: int, *, by: Policy) -> Verdict:
        # What the store told may hold charges of others that are about to be given back, so it is asked again soon:
        # whatever they are, a token comes within one interval.
        if by == "minute":
            until_us = min(now_us + _RETRY_MINUTE_US, (now_us // MINUTE_US + 1) * MINUTE_US)
        else:
            next_token_us = self._tat_us - (limit.burst - 1) * limit.interval_us
            until_us = min(now_us + limit.interval_us, next_token_us)
        self._blocked_by, self._blocked_until_us = by, until_us
        return self._verdict(limit, now_us=now_us, refused_by=by)

    def _verdict(self, limit: Limit, *, now_us: int, refused_by: Policy | None) -> Verdict:
        minute = now_us // MINUTE_US
        counted = self._count if self._minute == minute else 0
        left = max(0, limit.per_minute - counted)
        ahead_us = max(0, self._tat_us - now_us)
        tokens = max(0, limit.burst - -(-ahead_us // limit.interval_us))
        wait_us = 0
        if refused_by == "burst":
            tokens, wait_us = 0, max(0, self._blocked_until_us - now_us)
        elif refused_by == "minute":
            left, wait_us = 0, (minute + 1) * MINUTE_US - now_us
        return Verdict(
            limit=limit,
            now_us=now_us,
            refused_by=refused_by,
            remaining=left + self._held,
            tokens=min(limit.burst, tokens + self._held),
            wait_us=wait_us,
        )

    def _see_demand(self, now_us: int) -> None:
        window = now_us // LEASE_US
        if window != self._demand_window:
            self._demand_before = self._demand if window == self._demand_window + 1 else 0
            self._demand_window, self._demand = window, 0
        self._demand += 1

    def _wanted(self, limit: Limit, now_us: int, waiting: int) -> int:
        """For who waits, and ahead for half a second's demand, but little of what all instances share."""
        if limit.lease_max == 1:
            return min(waiting, limit.burst)
        in_minute = limit.per_minute - (self._count if self._minute == now_us // MINUTE_US else 0)
        in_bucket = limit.burst - max(0, self._tat_us - now_us) // limit.interval_us
        demand = max(self._demand, self._demand_before)
        horizon_us = min(LEASE_US // 2, MINUTE_US - now_us % MINUTE_US)
        ahead = min(limit.lease_max, demand * horizon_us // LEASE_US, in_minute // 4, in_bucket // 4)
        return max(1, ahead, min(waiting, limit.burst))
