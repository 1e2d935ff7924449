"""What time alone does to a consent: a PSU who stays away, and the end of access."""

from __future__ import annotations

from shared.domain.clock import Clock
from shared.domain.consents import ABANDONED, Consent, ConsentFault, ended, renewal_failed
from shared.domain.errors import BankError
from shared.use_cases.ports import Banks, Consents, StoredConsent

_FAULT = ConsentFault(code=ABANDONED, message="The customer did not come back from the bank in time.")


def settle_deadlines(
    stored: StoredConsent, *, banks: Banks, consents: Consents, clock: Clock
) -> StoredConsent:
    """The consent as time has made it. Repeatable; raises StaleWrite when someone else changes it meanwhile.

    Whatever became of the callback of a PSU who did not come back (never sent, refused, or died half-way), what the
    bank may hold for it is given back; a bank that cannot be told forgets it by itself.
    """
    given_up = []
    consent, now = stored.consent, clock.now()
    if consent.status == "pending" and now >= consent.authorise_by:
        given_up.append(consent.bank_consent_id)
        stored = consents.save(ended(consent, status="error", fault=_FAULT), replacing=stored, at=now)
    consent = stored.consent
    renewal = consent.renewal_under_way
    if renewal is not None and now >= renewal.authorise_by:
        given_up.append(renewal.bank_consent_id)
        stored = consents.save(renewal_failed(consent, renewal, fault=_FAULT), replacing=stored, at=now)
    consent = stored.consent
    if consent.is_expired(at=now):
        stored = consents.save(ended(consent, status="expired"), replacing=stored, at=now)
    for bank_consent_id in given_up:
        if bank_consent_id is not None:
            give_back(stored.consent, bank_consent_id, banks=banks)
    return stored


def give_back(consent: Consent, bank_consent_id: str, *, banks: Banks) -> None:
    """Tell the bank that a consent of its own is not wanted any more, if it listens.

    In our own name: it takes no token of the PSU's, so that only the worker need open those.
    """
    try:
        banks.connector(consent.bank_id, clock_offset_seconds=consent.clock_offset_seconds).revoke(
            bank_consent_id=bank_consent_id
        )
    except BankError:
        return
