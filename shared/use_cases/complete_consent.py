"""The PSU comes back from the bank: check that this is the answer we await, and put the consent to use.

RFC 6749 §4.1.2, RFC 7636, RFC 9207 and RFC 9700 §2.1: a callback that was replayed, forged, mixed up with another
bank's or came too late changes nothing.
"""

from __future__ import annotations

import msgspec

from shared.domain.bank_data import BankTokens
from shared.domain.clock import Clock
from shared.domain.consents import Consent, ConsentFault, activated, ended
from shared.domain.errors import BankAccessLost, BankError, BankRefused, Conflict, Invalid
from shared.domain.oauth_states import OAuthState, code_verifier, hash_state
from shared.use_cases.ports import Banks, Consents, OAuthStates, StoredConsent, SyncTasks, TokenVault


class Callback(msgspec.Struct, frozen=True, kw_only=True):
    """What the bank put into the redirect. Hides itself from logs: `code` and `state` are credentials."""

    state: str
    code: str | None
    error: str | None
    issuer: str | None
    psu_ip_address: str | None = None
    """Whose browser brings it: while the PSU is with us, the first read is an attended one."""

    def __repr__(self) -> str:
        return "Callback()"


def complete_consent(
    callback: Callback,
    *,
    redirect_uri: str,
    pkce_key: bytes,
    banks: Banks,
    consents: Consents,
    states: OAuthStates,
    vault: TokenVault,
    tasks: SyncTasks,
    clock: Clock,
) -> Consent:
    """The consent as it now is: active, or error with its fault.

    Raises Invalid("state" | "iss" | "code") and Conflict for a callback that is refused: nothing has changed then.
    """
    now = clock.now()
    state_hash = hash_state(callback.state)
    awaited = states.find(state_hash)
    if awaited is None or now >= awaited.expires_at:
        raise Invalid("state", "is unknown or older than 10 minutes. Start the consent again.")
    _check_issuer(callback, awaited)
    if (callback.code is None) == (callback.error is None):
        raise Invalid("code", "either code or error is expected")
    stored = consents.find(awaited.organisation_id, awaited.consent_id)
    if stored is None:
        raise Invalid("state", "belongs to a consent that is gone. Start the consent again.")
    if not states.use(state_hash, at=now):
        raise Conflict("This authorisation was completed before. Nothing has changed.")
    if stored.consent.status != "pending":
        raise Conflict("This consent is no longer waiting for the bank. Nothing has changed.")

    if callback.error is not None:
        return consents.save(
            ended(stored.consent, status="error", fault=_refusal(callback.error)), replacing=stored, at=now
        ).consent
    try:
        tokens = banks.connector(stored.consent.bank_id).exchange(
            bank_consent_id=awaited.bank_consent_id,
            code=callback.code or "",
            code_verifier=code_verifier(callback.state, key=pkce_key),
            redirect_uri=redirect_uri,
            issuer=awaited.issuer,
        )
    except BankError as error:
        fault = _exchange_fault(error)
        return consents.save(
            ended(stored.consent, status="error", fault=fault), replacing=stored, at=now
        ).consent
    consent = _activate(
        stored,
        tokens,
        psu_ip_address=callback.psu_ip_address,
        consents=consents,
        vault=vault,
        clock=clock,
    )
    tasks.enqueue(consent.organisation_id, consent.id, window="first", not_before=now)
    return consent


def _check_issuer(callback: Callback, awaited: OAuthState) -> None:
    if callback.issuer is None and not awaited.issuer_in_response:
        return
    if callback.issuer != awaited.issuer:
        raise Invalid("iss", "is not the bank that this authorisation was started with")


def _activate(
    stored: StoredConsent,
    tokens: BankTokens,
    *,
    psu_ip_address: str | None,
    consents: Consents,
    vault: TokenVault,
    clock: Clock,
) -> Consent:
    sealed = vault.seal(tokens, organisation_id=stored.consent.organisation_id, consent_id=stored.consent.id)
    active = activated(
        stored.consent,
        at=clock.now(),
        expires_at=stored.consent.expires_at,
        psu_ip_address=psu_ip_address,
    )
    return consents.save(active, replacing=stored, tokens=sealed, at=clock.now()).consent


def _refusal(error: str) -> ConsentFault:
    if error == "access_denied":
        return ConsentFault(code="PSU_DECLINED", message="The consent was declined at the bank.")
    return ConsentFault(code="SCA_FAILED", message="The bank could not complete the authentication.")


def _exchange_fault(error: BankError) -> ConsentFault:
    if isinstance(error, BankRefused | BankAccessLost):
        return ConsentFault(code="TOKEN_REFUSED", message="The bank did not accept its own authorisation.")
    return ConsentFault(code="BANK_ERROR", message="The bank did not answer as it should.")
