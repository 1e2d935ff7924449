"""A bank as a client sees it in `GET /v1/banks`."""

from __future__ import annotations

from typing import Literal

import msgspec

Feature = Literal["accounts", "balances", "transactions", "pending_transactions", "payments"]


class Bank(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    name: str
    country: str
    """ISO 3166-1 alpha-2."""
    bic: str
    logo_url: str
    features: tuple[Feature, ...]
    history_days: int
    """How far back the first read after SCA reaches."""
    consent_days: int
    """How long a consent lasts before the PSU must authenticate again."""
    unattended_reads_per_day: int
    """Reads per account in 24 hours without the PSU (RTS Art. 36(5)(b))."""
