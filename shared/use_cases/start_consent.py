"""Ask a bank for consent on a PSU's behalf, and say where the PSU must go."""

from __future__ import annotations

import msgspec

from shared.domain.clock import Clock, OffsetClock
from shared.domain.consents import Consent
from shared.use_cases.authorisation import Authorisations
from shared.use_cases.ports import Banks, Consents


class StartConsent(msgspec.Struct, frozen=True, kw_only=True):
    organisation_id: str
    consent_id: str
    """Chosen by the caller, so that a retry continues the same consent."""
    bank_id: str
    callback_url: str
    client_state: str | None
    psu_ip_address: str
    clock_offset_seconds: int = 0
    """How far the organisation has moved its clock, in the sandbox."""


class StartedAuthorisation(msgspec.Struct, frozen=True, kw_only=True):
    consent: Consent
    redirect_url: str


def start_consent(
    request: StartConsent,
    *,
    authorisations: Authorisations,
    banks: Banks,
    consents: Consents,
    clock: Clock,
) -> StartedAuthorisation:
    """Raises what `Authorisations.ask_bank` does."""
    offset_seconds = request.clock_offset_seconds
    asked = authorisations.ask_bank(
        request.bank_id,
        organisation_id=request.organisation_id,
        psu_ip_address=request.psu_ip_address,
        clock_offset_seconds=offset_seconds,
    )
    rules = banks.rules(request.bank_id)
    consent = Consent(
        id=request.consent_id,
        organisation_id=request.organisation_id,
        bank_id=request.bank_id,
        bank_name=rules.name,
        country=rules.country,
        status="pending",
        callback_url=request.callback_url,
        client_state=request.client_state,
        bank_consent_id=asked.bank_consent_id,
        created_at=OffsetClock(clock, offset_seconds).now(),
        expires_at=asked.expires_at,
        clock_offset_seconds=offset_seconds,
    )
    consents.create(consent)
    authorisations.await_psu(asked, organisation_id=consent.organisation_id, consent_id=consent.id)
    return StartedAuthorisation(consent=consent, redirect_url=asked.redirect_url)
