"""Makes a person's fault happen when their account data is read, or their token refreshed."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from math import ceil

from flask import Response

from xs2a_bank.banks import Bank
from xs2a_bank.consents import end_consent
from xs2a_bank.context import Context
from xs2a_bank.people import PEOPLE, Fault
from xs2a_bank.records import Consent, FirstTry, Token
from xs2a_bank.refusals import Reason, Refusal
from xs2a_bank.secret_values import fingerprint
from xs2a_bank.store import AlreadyExists, Stored

LIMITED_FOR = timedelta(hours=1)
DOWN_FOR = timedelta(hours=2)
"""After SCA, by the consent's clock."""
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
            _limit(stored.record, now)
        case Fault.DOWN_FOR_A_WHILE:
            if stored.record.sca_at is not None and now < stored.record.sca_at + DOWN_FOR:
                raise Refusal(Reason.UNAVAILABLE, "the service is down for maintenance")
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
        case Fault.SCA_FAILS | Fault.REFRESH_TIMEOUT | Fault.SHORTENED | Fault.EXPIRES | None:
            pass
    return None


def delay_first_refresh(context: Context, token: Token) -> None:
    """Holds back the answer, after everything in it has become true: a TPP that waits less long loses it."""
    if PEOPLE[token.person].fault is not Fault.REFRESH_TIMEOUT:
        return
    if _is_first_try(context, token.consent_id, "refresh", now=context.clock.now(token.client_id)):
        time.sleep(context.settings.slow_seconds)


def _limit(consent: Consent, now: datetime) -> None:
    if consent.sca_at is None or now >= consent.sca_at + LIMITED_FOR:
        return
    wait = consent.sca_at + LIMITED_FOR - now
    raise Refusal(Reason.ACCESS_EXCEEDED, "too many requests", retry_after_seconds=ceil(wait.total_seconds()))


def _fail_once(context: Context, consent: Consent, endpoint: str, now: datetime) -> None:
    if _is_first_try(context, consent.id, endpoint, now=now):
        raise Refusal(Reason.UNAVAILABLE, "the service is temporarily unavailable")


def _is_first_try(context: Context, consent_id: str, endpoint: str, *, now: datetime) -> bool:
    try:
        context.store.create(
            fingerprint(f"{consent_id}/{endpoint}"), FirstTry(expires_at=now + timedelta(days=180))
        )
    except AlreadyExists:
        return False
    return True
