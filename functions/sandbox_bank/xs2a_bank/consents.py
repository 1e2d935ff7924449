"""The life of a consent, whichever interface it came through. A mandate is a consent under another name."""

from __future__ import annotations

import re
import secrets
from contextlib import suppress
from datetime import date, datetime, timedelta
from uuid import uuid4

import msgspec

from xs2a_bank.banks import Bank
from xs2a_bank.context import Context
from xs2a_bank.people import PEOPLE, Fault
from xs2a_bank.records import Consent, ConsentStatus, Right, ScaStatus
from xs2a_bank.refusals import Reason, Refusal
from xs2a_bank.settings import Client
from xs2a_bank.store import Changed, Stored

MAX_CONSENT_DAYS = 180
MAX_READS_PER_DAY = 4
SHORTENED_CONSENT_DAYS = 30
EXPIRES_AFTER = timedelta(days=5)
"""So long after SCA the consent of the person `expires` is over, whatever was agreed."""
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_ATTEMPTS = 8


class ConsentRequest(msgspec.Struct, frozen=True, kw_only=True):
    rights: tuple[Right, ...]
    asked_ibans: tuple[str, ...]
    access: dict[str, object]
    recurring: bool
    valid_until: date
    frequency_per_day: int


def create_consent(context: Context, bank: Bank, client: Client, request: ConsentRequest) -> Consent:
    """The bank shortens what reaches further than it allows."""
    now = context.clock.now(client.id)
    today = now.astimezone(bank.time_zone).date()
    consent = Consent(
        id=str(uuid4()) if bank.dialect == "berlin_group" else f"M-{secrets.token_hex(6).upper()}",
        bank=bank.id,
        client_id=client.id,
        status="received",
        rights=request.rights,
        asked_ibans=request.asked_ibans,
        access=request.access,
        recurring=request.recurring,
        valid_until=min(request.valid_until, today + timedelta(days=MAX_CONSENT_DAYS)),
        frequency_per_day=request.frequency_per_day,
        created_at=now,
        last_action_on=today,
        authorisation_id=str(uuid4()),
        sca_status="received",
        clock_offset_seconds=context.clock.offset_seconds,
    )
    context.store.create(consent.id, consent)
    return consent


def find_consent(context: Context, bank: Bank, client_id: str, consent_id: str) -> Stored[Consent]:
    """The TPP's own consent at this bank, expired if its time is over. Refuses with CONSENT_UNKNOWN.

    From here on the call goes by the consent's clock, which never goes back.
    """
    stored = context.store.get(Consent, consent_id) if _ID.fullmatch(consent_id) else None
    if stored is None or stored.record.bank != bank.id or stored.record.client_id != client_id:
        raise Refusal(Reason.CONSENT_UNKNOWN, "the consent is not known to this bank for this TPP")
    stored = _share_clock(context, stored)
    if stored.record.status in ("received", "valid") and _is_over(
        stored.record, bank, now=context.clock.now(client_id)
    ):
        return end_consent(context, bank, stored, "expired")
    return stored


def _share_clock(context: Context, stored: Stored[Consent]) -> Stored[Consent]:
    """The call's offset becomes the consent's where it is greater; otherwise the consent's becomes the call's."""
    for _ in range(_ATTEMPTS):
        if stored.record.clock_offset_seconds >= context.clock.offset_seconds:
            context.clock.move_to(stored.record.clock_offset_seconds)
            return stored
        ahead = msgspec.structs.replace(stored.record, clock_offset_seconds=context.clock.offset_seconds)
        with suppress(Changed):
            context.store.replace(stored, ahead)
        stored = _read_again(context, stored)
    raise Refusal(Reason.UNAVAILABLE, "the consent is being changed by others")


def _is_over(consent: Consent, bank: Bank, *, now: datetime) -> bool:
    if consent.valid_until < now.astimezone(bank.time_zone).date():
        return True
    expires = consent.person is not None and PEOPLE[consent.person].fault is Fault.EXPIRES
    return expires and consent.sca_at is not None and now >= consent.sca_at + EXPIRES_AFTER


def end_consent(
    context: Context,
    bank: Bank,
    stored: Stored[Consent],
    status: ConsentStatus,
    *,
    unless_valid: bool = False,
) -> Stored[Consent]:
    """Ends a consent that is still alive; one that has ended stays as it ended. Safe to repeat."""
    alive: tuple[ConsentStatus, ...] = ("received",) if unless_valid else ("received", "valid")
    for _ in range(_ATTEMPTS):
        if stored.record.status not in alive:
            return stored
        ended = _changed(context, bank, stored.record, status=status)
        if status == "rejected":
            ended.sca_status = "failed"
        with suppress(Changed):
            context.store.replace(stored, ended)
        stored = _read_again(context, stored)
    raise Refusal(Reason.UNAVAILABLE, "the consent is being changed by others")


def _read_again(context: Context, stored: Stored[Consent]) -> Stored[Consent]:
    again = context.store.get(Consent, stored.key)
    if again is None:
        raise Refusal(Reason.CONSENT_UNKNOWN, "the consent is gone")
    return again


def _changed(context: Context, bank: Bank, consent: Consent, *, status: ConsentStatus) -> Consent:
    today = context.clock.now(consent.client_id).astimezone(bank.time_zone).date()
    return msgspec.structs.replace(consent, status=status, last_action_on=today)


def terminate(context: Context, bank: Bank, client: Client, consent_id: str) -> Stored[Consent]:
    """Ends the consent for its TPP. Its tokens end with it, because each use of one asks the consent."""
    return end_consent(context, bank, find_consent(context, bank, client.id, consent_id), "terminatedByTpp")


def approve(
    context: Context, bank: Bank, stored: Stored[Consent], *, person: str, ibans: tuple[str, ...]
) -> None:
    """Of a consent as it was read, still received. Raises Changed when anything happened to it since."""
    approved = _changed(context, bank, stored.record, status="valid")
    approved.person, approved.ibans = person, ibans
    approved.sca_at = context.clock.now(approved.client_id)
    approved.sca_status = "finalised"
    approved.valid_until = granted_until(bank, stored.record, person=person, now=approved.sca_at)
    context.store.replace(stored, approved)


def granted_until(bank: Bank, consent: Consent, *, person: str, now: datetime) -> date:
    """The last day that the bank grants to this person."""
    if PEOPLE[person].fault is not Fault.SHORTENED:
        return consent.valid_until
    today = now.astimezone(bank.time_zone).date()
    return min(consent.valid_until, today + timedelta(days=SHORTENED_CONSENT_DAYS))


def reject(context: Context, bank: Bank, stored: Stored[Consent]) -> None:
    """Declined, or SCA failed. What another session has approved meanwhile stays approved."""
    end_consent(context, bank, stored, "rejected", unless_valid=True)


def note_sca(context: Context, stored: Stored[Consent], sca_status: ScaStatus) -> None:
    """For the TPP that watches the authorisation. Losing a race loses only an intermediate status."""
    try:
        context.store.replace(stored, msgspec.structs.replace(stored.record, sca_status=sca_status))
    except Changed:
        return
