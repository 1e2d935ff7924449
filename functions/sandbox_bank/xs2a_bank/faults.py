"""Makes a person's fault happen when their account data is read."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from flask import Response

from xs2a_bank.banks import Bank
from xs2a_bank.consents import end_consent
from xs2a_bank.context import Context
from xs2a_bank.people import Fault
from xs2a_bank.records import Consent, FirstTry
from xs2a_bank.refusals import Reason, Refusal
from xs2a_bank.secret_values import fingerprint
from xs2a_bank.store import AlreadyExists, Stored

RETRY_AFTER_SECONDS = 60
_MAINTENANCE_PAGE = "<!doctype html><title>Maintenance</title><p>We are improving our services.</p>"


def happen(
    context: Context,
    bank: Bank,
    stored: Stored[Consent],
    fault: Fault | None,
    *,
    endpoint: str,
    now: datetime,
) -> Response | None:
    """A reply that stands in for the real one, or None. Raises Refusal for failures with a code of their own.

    `endpoint` is the kind of read: each kind has its own first try.
    """
    match fault:
        case Fault.SLOW:
            time.sleep(context.settings.slow_seconds)
        case Fault.SERVER_ERROR:
            raise Refusal(Reason.INTERNAL, "an error of the bank's back end")
        case Fault.LIMITED:
            raise Refusal(
                Reason.ACCESS_EXCEEDED, "too many requests", retry_after_seconds=RETRY_AFTER_SECONDS
            )
        case Fault.HTML:
            return Response(_MAINTENANCE_PAGE, mimetype="text/html")
        case Fault.GARBLED:
            return Response('{"accounts": [{"iban": "', mimetype="application/json")
        case Fault.CONSENT_EXPIRED:
            end_consent(context, bank, stored, "expired")
            raise Refusal(Reason.CONSENT_EXPIRED, "the consent has expired")
        case Fault.CONSENT_REVOKED:
            end_consent(context, bank, stored, "revokedByPsu")
            raise Refusal(Reason.CONSENT_WITHDRAWN, "the PSU has withdrawn the consent")
        case Fault.TOKEN_REFUSED:
            raise Refusal(Reason.TOKEN_INVALID, "the access token is not valid for this service")
        case Fault.FLAKY:
            _fail_once(context, stored.record, endpoint, now)
        case Fault.SCA_FAILS | None:
            pass
    return None


def _fail_once(context: Context, consent: Consent, endpoint: str, now: datetime) -> None:
    try:
        context.store.create(
            fingerprint(f"{consent.id}/{endpoint}"), FirstTry(expires_at=now + timedelta(days=180))
        )
    except AlreadyExists:
        return
    raise Refusal(Reason.UNAVAILABLE, "the service is temporarily unavailable")
