"""A new SCA on the same consent: ids, accounts and transactions stay; the old access serves until the new is there."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from shared.domain.clock import Clock, OffsetClock
from shared.domain.consent_changes import given_up, renewal_started
from shared.domain.consents import Consent, Renewal
from shared.domain.errors import Conflict, ConsentPending, NotFound, StaleWrite
from shared.use_cases.authorisation import Authorisations
from shared.use_cases.consent_deadlines import tell_bank
from shared.use_cases.ports import Banks, Consents, StoredConsent
from shared.use_cases.start_consent import StartedAuthorisation

_ATTEMPTS = 5


class RenewConsent(msgspec.Struct, frozen=True, kw_only=True):
    organisation_id: str
    consent_id: str
    callback_url: str | None
    """None: the consent's own."""
    client_state: str | None
    psu_ip_address: str
    clock_offset_seconds: int = 0


def renew_consent(
    request: RenewConsent,
    *,
    authorisations: Authorisations,
    banks: Banks,
    consents: Consents,
    clock: Clock,
) -> StartedAuthorisation:
    """Any consent that was active once may be renewed, however it ended. A second renewal replaces the first.

    Raises NotFound, ConsentPending, Conflict for one that never became active, and what `Authorisations.ask_bank` does.
    """
    stored = _renewable(request, consents=consents)
    asked = authorisations.ask_bank(
        stored.consent.bank_id,
        organisation_id=request.organisation_id,
        psu_ip_address=request.psu_ip_address,
        clock_offset_seconds=request.clock_offset_seconds,
    )
    clock_there = OffsetClock(clock, request.clock_offset_seconds)
    now = clock_there.now()
    for _ in range(_ATTEMPTS):
        consent = stored.consent
        renewal = Renewal(
            bank_consent_id=asked.bank_consent_id,
            callback_url=request.callback_url or consent.callback_url,
            client_state=request.client_state,
            started_at=now,
            expires_at=asked.expires_at,
        )
        replaced = consent.renewal_under_way.bank_consent_id if consent.renewal_under_way else None
        renewing = msgspec.structs.replace(
            given_up(renewal_started(consent, renewal), replaced, at=now),
            clock_offset_seconds=request.clock_offset_seconds,
        )
        try:
            ours = consents.save(renewing, replacing=stored, at=now)
        except StaleWrite:
            stored = _renewable(request, consents=consents)
            continue
        authorisations.await_psu(asked, organisation_id=consent.organisation_id, consent_id=consent.id)
        with suppress(StaleWrite):
            ours = tell_bank(ours, banks=banks, consents=consents, clock=clock_there)
        return StartedAuthorisation(consent=ours.consent, redirect_url=asked.redirect_url)
    raise StaleWrite("the consent kept changing")


def require_renewable(consent: Consent) -> None:
    if consent.status == "pending":
        raise ConsentPending("The customer has not finished at the bank. Wait for the callback.")
    if not consent.was_active:
        raise Conflict("This consent never became active, so there is nothing to renew. Start a new one.")


def _renewable(request: RenewConsent, *, consents: Consents) -> StoredConsent:
    stored = consents.find(request.organisation_id, request.consent_id)
    if stored is None:
        raise NotFound("There is no such consent.")
    require_renewable(stored.consent)
    return stored
