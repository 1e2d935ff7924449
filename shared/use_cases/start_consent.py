"""Ask a bank for consent on a PSU's behalf, and say where the PSU must go."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import msgspec

from shared.domain.clock import Clock
from shared.domain.consents import STATE_LIFETIME, Consent
from shared.domain.oauth_states import OAuthState, code_challenge, code_verifier, hash_state, new_state
from shared.use_cases.ports import Banks, Consents, OAuthStates


class StartConsent(msgspec.Struct, frozen=True, kw_only=True):
    organisation_id: str
    consent_id: str
    """Chosen by the caller, so that a retry continues the same consent."""
    bank_id: str
    callback_url: str
    client_state: str | None
    psu_ip_address: str


class StartedAuthorisation(msgspec.Struct, frozen=True, kw_only=True):
    consent: Consent
    redirect_url: str


def start_consent(
    request: StartConsent,
    *,
    redirect_uri: str,
    pkce_key: bytes,
    banks: Banks,
    consents: Consents,
    states: OAuthStates,
    clock: Clock,
) -> StartedAuthorisation:
    """Raises Invalid("bankId") for an unknown bank, and the BankErrors of BankConnector.start_consent."""
    connector = banks.connector(request.bank_id)
    rules = banks.rules(request.bank_id)
    now = clock.now()
    wanted_until = now + timedelta(days=rules.consent_days)
    state = new_state()
    started = connector.start_consent(
        redirect_uri=redirect_uri,
        state=state,
        code_challenge=code_challenge(code_verifier(state, key=pkce_key)),
        valid_until=wanted_until.date(),
        psu_ip_address=request.psu_ip_address,
    )
    expires_at = wanted_until
    if started.valid_until is not None:
        expires_at = min(wanted_until, datetime.combine(started.valid_until, time(23, 59, 59), UTC))
    consent = Consent(
        id=request.consent_id,
        organisation_id=request.organisation_id,
        bank_id=request.bank_id,
        bank_name=rules.name,
        country=rules.country,
        status="pending",
        callback_url=request.callback_url,
        client_state=request.client_state,
        bank_consent_id=started.bank_consent_id,
        created_at=now,
        expires_at=expires_at,
    )
    consents.create(consent)
    states.create(
        hash_state(state),
        OAuthState(
            organisation_id=consent.organisation_id,
            consent_id=consent.id,
            bank_consent_id=started.bank_consent_id,
            issuer=started.issuer,
            issuer_in_response=started.issuer_in_response,
            expires_at=now + STATE_LIFETIME,
        ),
    )
    return StartedAuthorisation(consent=consent, redirect_url=started.authorise_url)
