"""What happens to a consent: each change as a new Consent, with all that must change along with it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from shared.domain.consents import (
    Attendance,
    Consent,
    ConsentFault,
    Happened,
    Progress,
    Renewal,
    Status,
    SyncFailure,
)

ATTENDANCE = timedelta(minutes=10)
"""How long after a PSU was with us a read may still say so."""

TELL_BANK_AGAIN = timedelta(hours=6)
"""A bank that could not be told that a consent is over is told again after this."""


def what_happened(before: Consent, after: Consent) -> Happened:
    """Between two revisions."""
    if after.status == "active" and before.status == "pending":
        return "activated"
    if after.status == "active" and after.bank_consent_id != before.bank_consent_id:
        return "renewed"
    if after.status != before.status:
        return _ENDINGS[after.status]
    return "renewal_started" if after.renewal_under_way else "renewal_failed"


_ENDINGS: dict[Status, Happened] = {"expired": "expired", "revoked": "revoked", "error": "failed"}


def activated(
    consent: Consent, *, at: datetime, expires_at: datetime, psu_ip_address: str | None = None
) -> Consent:
    """The first sync is due at once; with the PSU's address it is an attended one."""
    return msgspec.structs.replace(
        consent,
        status="active",
        revision=consent.revision + 1,
        sca_at=at,
        expires_at=expires_at,
        next_sync_at=at,
        fault=None,
        attendance=attendance_of(psu_ip_address, at=at),
    )


def given_up(consent: Consent, *bank_consent_ids: str | None, at: datetime) -> Consent:
    """With consents of the bank's own that nobody wants any more: kept until the bank has been told."""
    unwanted = (*consent.unwanted, *(each for each in bank_consent_ids if each is not None))
    if unwanted == consent.unwanted:
        return consent
    return msgspec.structs.replace(consent, unwanted=tuple(dict.fromkeys(unwanted)), tell_bank_at=at)


def bank_told(consent: Consent, *, untold: tuple[str, ...], at: datetime) -> Consent:
    """What the bank could not be told is tried again, for as long as access might last by itself."""
    ends = [each.expires_at for each in (consent, consent.renewal) if each is not None]
    if at >= max(ends):
        untold = ()
    return msgspec.structs.replace(
        consent, unwanted=untold, tell_bank_at=at + TELL_BANK_AGAIN if untold else None
    )


def synced(consent: Consent, *, at: datetime, next_sync_at: datetime, is_whole: bool) -> Consent:
    """`is_whole`: it was in turn, and what was read was entered. Accounts that the budget left out are no matter: one
    that was never read has its whole history read in any case."""
    return msgspec.structs.replace(
        consent,
        lease=consent.lease.released(),
        last_synced_at=at,
        next_sync_at=next_sync_at,
        full_history_read=consent.full_history_read or is_whole,
        failed_syncs=0,
        last_failure=None,
        attendance=None,
        wanted=(),
        wanted_attended=(),
        in_turn_at=None,
        progress=None,
    )


def put_off(consent: Consent, *, until: datetime) -> Consent:
    """No read is allowed before. What was wanted out of turn is read in turn, if that comes first."""
    if consent.wanted and consent.in_turn_at is not None and until < consent.in_turn_at:
        return msgspec.structs.replace(consent, lease=consent.lease.released(), next_sync_at=until)
    return msgspec.structs.replace(
        consent,
        lease=consent.lease.released(),
        next_sync_at=(consent.in_turn_at if consent.wanted else None) or until,
        wanted=(),
        wanted_attended=(),
        in_turn_at=None,
    )


def postponed(
    consent: Consent, failure: SyncFailure, *, until: datetime, progress: Progress | None
) -> Consent:
    """A sync failed; the next attempt goes on with `progress`, attended if the PSU is still with us then."""
    return msgspec.structs.replace(
        consent,
        lease=consent.lease.released(),
        next_sync_at=until,
        failed_syncs=consent.failed_syncs + 1,
        last_failure=failure,
        attendance=consent.attendance if consent.attending_ip(at=until) else None,
        progress=progress,
    )


def ended(
    consent: Consent, *, status: Literal["expired", "revoked", "error"], fault: ConsentFault | None = None
) -> Consent:
    """No more syncs. What was read stays until it is erased, an explicit call of its own."""
    return msgspec.structs.replace(
        consent,
        status=status,
        revision=consent.revision + 1,
        next_sync_at=None,
        fault=fault,
        lease=consent.lease.released(),
        attendance=None,
        wanted=(),
        wanted_attended=(),
        in_turn_at=None,
        asked=(),
        progress=None,
    )


def renewal_started(consent: Consent, renewal: Renewal) -> Consent:
    return msgspec.structs.replace(consent, revision=consent.revision + 1, renewal=renewal)


def renewal_failed(consent: Consent, renewal: Renewal, *, fault: ConsentFault) -> Consent:
    """The consent stays what it was."""
    return msgspec.structs.replace(
        consent, revision=consent.revision + 1, renewal=msgspec.structs.replace(renewal, fault=fault)
    )


def renewed(
    consent: Consent, renewal: Renewal, *, at: datetime, psu_ip_address: str | None = None
) -> Consent:
    """The same consent to clients, another at the bank. The history is read whole again, while the PSU is present.

    The old one may be alive at the bank, unless it was the bank's or the client's word that ended it.
    """
    superseded = consent.bank_consent_id if consent.status in ("active", "error") else None
    return msgspec.structs.replace(
        given_up(consent, superseded, at=at),
        status="active",
        revision=consent.revision + 1,
        bank_consent_id=renewal.bank_consent_id,
        callback_url=renewal.callback_url,
        client_state=renewal.client_state,
        sca_at=at,
        expires_at=renewal.expires_at,
        next_sync_at=at,
        full_history_read=False,
        failed_syncs=0,
        fault=None,
        lease=consent.lease.released(),
        renewal=None,
        attendance=attendance_of(psu_ip_address, at=at),
        wanted=(),
        wanted_attended=(),
        in_turn_at=None,
        asked=(),
        progress=None,
    )


def attendance_of(psu_ip_address: str | None, *, at: datetime) -> Attendance | None:
    return Attendance(psu_ip_address=psu_ip_address, until=at + ATTENDANCE) if psu_ip_address else None


def without_account(consent: Consent, account_id: str) -> Consent:
    """As it is once the account is erased. A sync under way has lost its lease, and what it had read is forgotten."""
    if account_id in consent.erased_account_ids and account_id not in consent.account_ids:
        return consent
    may_bring_it_back = consent.status in ("pending", "active")
    wanted = tuple(name for name in consent.wanted if name != account_id)
    was_last_wanted = bool(consent.wanted) and not wanted
    return msgspec.structs.replace(
        consent,
        account_ids=tuple(known for known in consent.account_ids if known != account_id),
        erased_account_ids=(*consent.erased_account_ids, account_id)
        if may_bring_it_back and account_id not in consent.erased_account_ids
        else consent.erased_account_ids,
        wanted=wanted,
        wanted_attended=tuple(name for name in consent.wanted_attended if name != account_id),
        asked=tuple(asked for asked in consent.asked if asked.account_id != account_id),
        next_sync_at=consent.in_turn_at if was_last_wanted else consent.next_sync_at,
        in_turn_at=None if was_last_wanted else consent.in_turn_at,
        progress=None,
        lease=consent.lease.released(),
    )
