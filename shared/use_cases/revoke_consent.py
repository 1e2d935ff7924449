"""End a consent: tell the bank, destroy the tokens. What was read stays until it is erased."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from shared.domain.clock import Clock, OffsetClock
from shared.domain.consent_changes import ended, given_up
from shared.domain.consents import Consent
from shared.domain.errors import BankLeftAlone, NotFound, StaleWrite
from shared.use_cases.bank_breaker import BankBreaker, BankHealths
from shared.use_cases.consent_deadlines import tell_bank
from shared.use_cases.notices import NO_NOTICES
from shared.use_cases.ports import Banks, Consents

_ATTEMPTS = 5


def revoke_consent(
    organisation_id: str,
    consent_id: str,
    *,
    banks: Banks,
    consents: Consents,
    healths: BankHealths,
    clock: Clock,
) -> Consent | None:
    """Repeatable. None when it had ended before.

    Access ends here first and at the bank second: a bank that cannot be told does not keep us reading, and one that is
    left alone keeps nobody waiting. It is told later then, by the worker; meanwhile nobody can use the consent, since
    its tokens are gone.
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
            clock_there = OffsetClock(clock, consent.clock_offset_seconds)
            renewal = stored.consent.renewal_under_way
            revoked = given_up(
                ended(consent, status="revoked"),
                renewal.bank_consent_id if renewal else None,
                consent.bank_consent_id,
                at=clock_there.now(),
            )
            ours = consents.save(revoked, replacing=stored, at=clock_there.now())
        except StaleWrite:
            continue
        breaker = BankBreaker(
            organisation_id, consent.bank_id, healths=healths, notices=NO_NOTICES, clock=clock_there
        )
        with suppress(StaleWrite, BankLeftAlone):
            breaker.require_closed()
            ours = tell_bank(ours, banks=banks, consents=consents, clock=clock_there)
        return ours.consent
    raise StaleWrite("the consent kept changing")
