"""The PSU comes back from the bank: check that this is the answer we await, and put the consent to use.

RFC 6749 §4.1.2, RFC 7636, RFC 9207 and RFC 9700 §2.1: a callback that was replayed, forged, mixed up with another
bank's or came too late changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from shared.banks.connector import BankConnector
from shared.domain.clock import Clock
from shared.domain.consent_changes import activated, ended, given_up, renewal_failed, renewed
from shared.domain.consents import Consent, ConsentFault
from shared.domain.errors import (
    BankAccessLost,
    BankError,
    BankRefused,
    Conflict,
    Invalid,
    StaleWrite,
)
from shared.domain.oauth_states import OAuthState, code_verifier, hash_state
from shared.use_cases.consent_deadlines import give_back
from shared.use_cases.organisation_time import organisation_time
from shared.use_cases.ports import (
    Banks,
    Consents,
    OAuthStates,
    SealedTokens,
    StoredConsent,
    SyncTasks,
    TokenVault,
)

_DECLINED = "PSU_DECLINED"

_ATTEMPTS = 20
"""At a write that must not be lost. A sync commits several times a second at most."""


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
    """The consent as it now is: active, error with its fault, or what it was with a failed renewal.

    Raises Invalid("state" | "iss" | "code") and Conflict for a callback that is refused: nothing has changed then.

    A state works once, whatever becomes of its first callback. One that dies half-way (its code may have been
    changed for tokens already) is not taken up again: the consent is given up at its deadline, and stays what it was
    where it was being renewed.
    """
    awaited = states.find(hash_state(callback.state))
    if awaited is None or clock.now() >= awaited.expires_at:
        raise Invalid("state", "is unknown or older than 10 minutes. Start the consent again.")
    _check_issuer(callback, awaited)
    if (callback.code is None) == (callback.error is None):
        raise Invalid("code", "either code or error is expected")
    stored = consents.find(awaited.organisation_id, awaited.consent_id)
    if stored is None:
        raise Invalid("state", "belongs to a consent that is gone. Start the consent again.")
    if not states.use(hash_state(callback.state), at=clock.now()):
        raise Conflict("This authorisation was completed before. Nothing has changed.")
    _require_awaited(stored.consent, awaited)
    clock, tasks = organisation_time(stored.consent, clock=clock, tasks=tasks)
    if clock.now() >= (stored.consent.renewal_under_way or stored.consent).authorise_by:
        raise Conflict("This consent is no longer waiting for the bank. Nothing has changed.")

    tokens, fault = None, None
    if callback.error is not None:
        fault = _refusal(callback.error)
    else:
        try:
            tokens = _connector(stored.consent, banks).exchange(
                bank_consent_id=awaited.bank_consent_id,
                code=callback.code or "",
                code_verifier=code_verifier(callback.state, key=pkce_key),
                redirect_uri=redirect_uri,
                issuer=awaited.issuer,
            )
        except BankError as error:
            fault = _exchange_fault(error)
    if tokens is None:
        return _write(
            stored,
            awaited,
            lambda consent: _failed(
                consent, fault=fault or _refusal(""), bank_consent_id=awaited.bank_consent_id, at=clock.now()
            ),
            tokens=None,
            consents=consents,
            clock=clock,
        ).consent
    consent_id, organisation_id = stored.consent.id, stored.consent.organisation_id
    sealed = vault.seal(tokens, organisation_id=organisation_id, consent_id=consent_id)
    try:
        consent = _write(
            stored,
            awaited,
            lambda consent: _succeeded(consent, at=clock.now(), psu_ip_address=callback.psu_ip_address),
            tokens=sealed,
            consents=consents,
            clock=clock,
        ).consent
    except Conflict:
        give_back(stored.consent, awaited.bank_consent_id, banks=banks)
        raise
    window = f"renewed-{consent.revision}" if stored.consent.was_active else "first"
    tasks.enqueue(organisation_id, consent_id, window=window, not_before=clock.now())
    return consent


def _require_awaited(consent: Consent, awaited: OAuthState) -> None:
    renewal = consent.renewal_under_way
    waits = consent.status == "pending" and consent.bank_consent_id == awaited.bank_consent_id
    renews = renewal is not None and renewal.bank_consent_id == awaited.bank_consent_id
    if not (waits or renews):
        raise Conflict("This consent is no longer waiting for the bank. Nothing has changed.")


def _write(
    stored: StoredConsent,
    awaited: OAuthState,
    change: Callable[[Consent], Consent],
    *,
    tokens: SealedTokens | None,
    consents: Consents,
    clock: Clock,
) -> StoredConsent:
    """What the PSU did at the bank cannot be asked for again: it is written over whatever others write meanwhile.

    Raises Conflict when the consent no longer waits for it.
    """
    for _ in range(_ATTEMPTS):
        try:
            return consents.save(change(stored.consent), replacing=stored, tokens=tokens, at=clock.now())
        except StaleWrite:
            found = consents.find(awaited.organisation_id, awaited.consent_id)
            if found is None:
                raise Conflict("This consent is gone. Nothing has changed.") from None
            _require_awaited(found.consent, awaited)
            stored = found
    raise StaleWrite("the consent kept changing")


def _succeeded(consent: Consent, *, at: datetime, psu_ip_address: str | None) -> Consent:
    if consent.renewal_under_way is not None:
        return renewed(consent, consent.renewal_under_way, at=at, psu_ip_address=psu_ip_address)
    return activated(consent, at=at, expires_at=consent.expires_at, psu_ip_address=psu_ip_address)


def _failed(consent: Consent, *, fault: ConsentFault, bank_consent_id: str, at: datetime) -> Consent:
    """The PSU may have approved what we have no tokens for: the bank is told, unless it was the PSU who declined."""
    if consent.renewal_under_way is not None:
        failed = renewal_failed(consent, consent.renewal_under_way, fault=fault)
    else:
        failed = ended(consent, status="error", fault=fault)
    return failed if fault.code == _DECLINED else given_up(failed, bank_consent_id, at=at)


def _connector(consent: Consent, banks: Banks) -> BankConnector:
    return banks.connector(consent.bank_id, clock_offset_seconds=consent.clock_offset_seconds)


def _check_issuer(callback: Callback, awaited: OAuthState) -> None:
    if callback.issuer is None and not awaited.issuer_in_response:
        return
    if callback.issuer != awaited.issuer:
        raise Invalid("iss", "is not the bank that this authorisation was started with")


def _refusal(error: str) -> ConsentFault:
    if error == "access_denied":
        return ConsentFault(code=_DECLINED, message="The consent was declined at the bank.")
    return ConsentFault(code="SCA_FAILED", message="The bank could not complete the authentication.")


def _exchange_fault(error: BankError) -> ConsentFault:
    if isinstance(error, BankRefused | BankAccessLost):
        return ConsentFault(code="TOKEN_REFUSED", message="The bank did not accept its own authorisation.")
    return ConsentFault(code="BANK_ERROR", message="The bank did not answer as it should.")
