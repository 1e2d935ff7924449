"""End a consent: tell the bank, destroy the tokens. What was read stays until it is erased."""

from __future__ import annotations

import msgspec

from shared.domain.clock import Clock, OffsetClock
from shared.domain.consents import Consent, ended
from shared.domain.errors import NotFound, StaleWrite
from shared.use_cases.consent_deadlines import give_back
from shared.use_cases.ports import Banks, Consents

_ATTEMPTS = 5


def revoke_consent(
    organisation_id: str,
    consent_id: str,
    *,
    banks: Banks,
    consents: Consents,
    clock: Clock,
) -> Consent | None:
    """Repeatable. None when it had ended before.

    Access ends here first and at the bank second: a bank that cannot be told does not keep us reading. Its refusal
    is not the client's problem, since without tokens nobody can use the consent.
    """
    for _ in range(_ATTEMPTS):
        stored = consents.find(organisation_id, consent_id)
        if stored is None:
            raise NotFound("There is no such consent.")
        over = stored.consent.status in ("expired", "revoked", "error")
        if over and stored.consent.renewal_under_way is None:
            return None
        try:
            consent = msgspec.structs.replace(stored.consent, renewal=None)
            now = OffsetClock(clock, consent.clock_offset_seconds).now()
            revoked = consents.save(ended(consent, status="revoked"), replacing=stored, at=now).consent
        except StaleWrite:
            continue
        if stored.consent.renewal_under_way is not None:
            give_back(revoked, stored.consent.renewal_under_way.bank_consent_id, banks=banks)
        if revoked.bank_consent_id is not None:
            give_back(revoked, revoked.bank_consent_id, banks=banks)
        return revoked
    raise StaleWrite("the consent kept changing")
