"""What a failed sync means for its consent: how it ends, what is told of it, how long the next one waits."""

from __future__ import annotations

import random
from datetime import timedelta

from shared.domain.consent_changes import ended
from shared.domain.consents import Consent, ConsentFault
from shared.domain.errors import BankAccessLost, BankError, BankRateLimited, BankTimeout
from shared.use_cases.fence import BooksChanged

_RETRY_DELAY_FIRST = timedelta(minutes=1)
_RETRY_DELAY_MAX = timedelta(hours=6)


def ended_by_bank(consent: Consent, lost: BankAccessLost) -> Consent:
    if lost.reason == "expired":
        return ended(consent, status="expired")
    if lost.reason == "revoked":
        return ended(consent, status="revoked")
    fault = ConsentFault(code="TOKEN_REFUSED", message="The bank no longer accepts this consent's tokens.")
    return ended(consent, status="error", fault=fault)


def failure_code(error: BankError | BooksChanged) -> str:
    if isinstance(error, BankRateLimited):
        return "RATE_LIMITED"
    if isinstance(error, BooksChanged):
        return "CONFLICT"
    return "BANK_TIMEOUT" if isinstance(error, BankTimeout) else "BANK_API_ERROR"


def retry_delay(failed_syncs: int) -> timedelta:
    """Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/"""
    longest = min(_RETRY_DELAY_FIRST * (1 << min(failed_syncs, 12)), _RETRY_DELAY_MAX)
    return longest * random.uniform(0.1, 1.0)  # noqa: S311 - spreads load, guards nothing
