"""What a bank's refusal means, whatever the protocol calls it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal

from shared.domain.errors import (
    BankAccessLost,
    BankConfigurationError,
    BankError,
    BankRateLimited,
    BankRefused,
    BankTokenExpired,
    BankUnavailable,
)

Meaning = Literal[
    "token_expired",
    "consent_expired",
    "consent_revoked",
    "access_refused",
    "misconfigured",
    "rate_limited",
    "unavailable",
    "refused",
]
_MAX_WAIT = timedelta(days=2)


def bank_error(
    bank_id: str, meaning: Meaning, *, code: str, headers: Mapping[str, str], now: datetime
) -> BankError:
    """`code` is one of the protocol's own words, never free text of the bank."""
    match meaning:
        case "token_expired":
            return BankTokenExpired(bank_id, "The bank's access token has expired.")
        case "consent_expired":
            return BankAccessLost(bank_id, "The consent has expired at the bank.", reason="expired")
        case "consent_revoked":
            return BankAccessLost(bank_id, "The consent was revoked at the bank.", reason="revoked")
        case "access_refused":
            return BankAccessLost(bank_id, "The bank no longer accepts this access.", reason="refused")
        case "misconfigured":
            return BankConfigurationError(bank_id, f"The bank does not accept our registration ({code}).")
        case "rate_limited":
            return BankRateLimited(
                bank_id,
                "The bank allows no more reads for now.",
                retry_at=retry_at(headers.get("retry-after"), now=now),
            )
        case "unavailable":
            return BankUnavailable(
                bank_id,
                "The bank is not available.",
                retry_at=retry_at(headers.get("retry-after"), now=now),
            )
        case "refused":
            return BankRefused(bank_id, f"The bank refused the request ({code}).")


def retry_at(value: str | None, *, now: datetime) -> datetime | None:
    """Retry-After (RFC 9110 §10.2.3): seconds or an HTTP date; at most two days ahead, None when absent or broken."""
    if value is None:
        return None
    value = value.strip()
    try:
        if value.isascii() and value.isdigit() and len(value) < 10:
            at = now + timedelta(seconds=int(value))
        else:
            at = parsedate_to_datetime(value)
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(at, now), now + _MAX_WAIT)
