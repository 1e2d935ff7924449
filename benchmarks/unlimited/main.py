"""functions/transactions for an organisation whose limit no benchmark reaches.

Only the figures of its tier are lifted: the limiter charges, leases and tells as it does for any other.
BENCHMARK_LEASE_MAX=1 makes every request a store trip.
"""

from __future__ import annotations

import os

import msgspec

from shared.domain.rate_limits import LIMITS

_lease_max = int(os.environ.get("BENCHMARK_LEASE_MAX") or LIMITS["enterprise"].lease_max)
LIMITS["enterprise"] = msgspec.structs.replace(
    LIMITS["enterprise"], per_minute=1_000_000, burst=1_000_000, lease_max=_lease_max
)

from functions.transactions.main import main  # noqa: E402 - reads the limits when it is loaded

__all__ = ["main"]
