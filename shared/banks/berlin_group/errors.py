"""A refusal by the standard's message codes (NextGenPSD2 1.3.12), as a BankError."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from shared.banks.failures import Meaning, bank_error
from shared.banks.http import Reply
from shared.domain.errors import BankError

_MEANINGS: dict[str, Meaning] = {
    "TOKEN_EXPIRED": "token_expired",
    "TOKEN_INVALID": "access_refused",
    "TOKEN_UNKNOWN": "access_refused",
    "CONSENT_EXPIRED": "consent_expired",
    "CONSENT_INVALID": "consent_revoked",
    "CONSENT_UNKNOWN": "access_refused",
    "ROLE_INVALID": "misconfigured",
    "ACCESS_EXCEEDED": "rate_limited",
    "INTERNAL_SERVER_ERROR": "unavailable",
    "SERVICE_UNAVAILABLE": "unavailable",
}
_CODE = re.compile(r"[A-Z][A-Z0-9_]{2,40}")


def failure(bank_id: str, reply: Reply, *, now: datetime) -> BankError:
    codes = message_codes(reply.body)
    for code in codes:
        if (meaning := _meaning(code)) is not None:
            return bank_error(bank_id, meaning, code=code, headers=reply.headers, now=now)
    code = codes[0] if codes else f"HTTP {reply.status}"
    return bank_error(bank_id, _by_status(reply.status), code=code, headers=reply.headers, now=now)


def message_codes(body: Any) -> tuple[str, ...]:
    """Codes of errors in `{"tppMessages": […]}` or RFC 7807's `{code, additionalErrors: […]}`, first things first."""
    if not isinstance(body, dict):
        return ()
    entries: list[Any] = [body]
    for field in ("tppMessages", "additionalErrors"):
        listed = body.get(field)
        entries += listed if isinstance(listed, list) else [listed]
    codes = (
        entry.get("code")
        for entry in entries
        if isinstance(entry, dict) and entry.get("category", "ERROR") != "WARNING"
    )
    return tuple(code for code in codes if isinstance(code, str) and _CODE.fullmatch(code))


def _meaning(code: str) -> Meaning | None:
    if code.startswith(("CERTIFICATE_", "SIGNATURE_")):
        return "misconfigured"
    return _MEANINGS.get(code)


def _by_status(status: int) -> Meaning:
    """Without a code that says more: a 401 is what RFC 6750 §3.1 calls invalid_token, which a refresh may cure."""
    match status:
        case 401:
            return "token_expired"
        case 408:
            return "unavailable"
        case 429:
            return "rate_limited"
        case _:
            return "refused"
