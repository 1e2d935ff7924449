"""What comes before every read of account data: token, consent, the person's fault, the daily count."""

from __future__ import annotations

from flask import Response, request

from xs2a_bank.access import Visit, open_visit
from xs2a_bank.banks import Bank
from xs2a_bank.berlin_group.headers import psu_present
from xs2a_bank.context import Context
from xs2a_bank.faults import happen
from xs2a_bank.reads import count_unattended_read
from xs2a_bank.records import Right
from xs2a_bank.refusals import Reason, Refusal


def begin_read(
    context: Context,
    bank: Bank,
    *,
    endpoint: str,
    account_id: str = "",
    right: Right = "accounts",
    counts: bool = True,
) -> tuple[Visit, Response | None]:
    """The visit, and the reply that the person's fault puts in the real one's place.

    A read that continues an earlier one does not count.
    """
    consent_id = request.headers.get("Consent-ID")
    if not consent_id:
        raise Refusal(Reason.FORMAT_ERROR, "Consent-ID is required", path="Consent-ID")
    attended = psu_present(request)
    visit = open_visit(context, bank, request, consent_id=consent_id)
    fault = happen(context, bank, visit.stored_consent, visit.person.fault, endpoint=endpoint, now=visit.now)
    if fault:
        return visit, fault
    visit.require(right)
    if account_id:
        visit.account(account_id)
    if counts and not attended:
        count_unattended_read(context, visit.consent, f"{endpoint}/{account_id}", now=visit.now)
    return visit, None
