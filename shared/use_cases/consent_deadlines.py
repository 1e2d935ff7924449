"""What time alone does to a consent: a PSU who stays away, and the end of access."""

from __future__ import annotations

from shared.domain.clock import Clock
from shared.domain.consent_changes import bank_told, ended, given_up, renewal_failed
from shared.domain.consents import ABANDONED, Consent, ConsentFault
from shared.domain.errors import BankAccessLost, BankError, BankRefused, BankTokenExpired
from shared.use_cases.ports import Banks, Consents, StoredConsent

_FAULT = ConsentFault(code=ABANDONED, message="The customer did not come back from the bank in time.")


def settle_deadlines(stored: StoredConsent, *, consents: Consents, clock: Clock) -> StoredConsent:
    """The consent as time has made it. Repeatable; raises StaleWrite when someone else changes it meanwhile.

    Whatever became of the callback of a PSU who did not come back (never sent, refused, or died half-way), the bank is
    to be told that what it may hold for it is not wanted.
    """
    consent, now = stored.consent, clock.now()
    if consent.status == "pending" and now >= consent.authorise_by:
        over = ended(consent, status="error", fault=_FAULT)
        stored = consents.save(given_up(over, consent.bank_consent_id, at=now), replacing=stored, at=now)
    consent = stored.consent
    renewal = consent.renewal_under_way
    if renewal is not None and now >= renewal.authorise_by:
        failed = renewal_failed(consent, renewal, fault=_FAULT)
        stored = consents.save(given_up(failed, renewal.bank_consent_id, at=now), replacing=stored, at=now)
    consent = stored.consent
    if consent.is_expired(at=now):
        stored = consents.save(ended(consent, status="expired"), replacing=stored, at=now)
    return stored


def tell_bank(stored: StoredConsent, *, banks: Banks, consents: Consents, clock: Clock) -> StoredConsent:
    """The bank is told, if it is time, of what is not wanted any more. Raises StaleWrite.

    What is to be told was stored with what made it so: who dies before the bank has heard of it, or before that is
    noted, is followed by the dispatcher's next task, and a bank that hears it twice has nothing to do the second time.
    """
    consent, now = stored.consent, clock.now()
    if consent.tell_bank_at is None or now < consent.tell_bank_at:
        return stored
    untold = tuple(each for each in consent.unwanted if not give_back(consent, each, banks=banks))
    return consents.save(bank_told(consent, untold=untold, at=now), replacing=stored, at=now)


def give_back(consent: Consent, bank_consent_id: str, *, banks: Banks) -> bool:
    """Tell the bank that a consent of its own is not wanted any more. False when it must be told again.

    In our own name: it takes no token of the PSU's, so that only the worker need open those.
    """
    try:
        banks.connector(consent.bank_id, clock_offset_seconds=consent.clock_offset_seconds).revoke(
            bank_consent_id=bank_consent_id
        )
    except (BankRefused, BankAccessLost, BankTokenExpired):
        return True  # it knows of no such consent, or of none that is alive
    except BankError:
        return False
    return True
