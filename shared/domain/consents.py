"""A PSU's consent to read accounts at one bank: pending → active → expired | revoked | error."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Literal

import msgspec

from shared.domain.bank_data import BankAccount

Status = Literal["pending", "active", "expired", "revoked", "error"]

STATE_LIFETIME = timedelta(minutes=10)
"""How long a PSU has between leaving for the bank and coming back."""


class ConsentFault(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    """PSU_DECLINED, SCA_FAILED, BANK_ERROR, TOKEN_REFUSED, …"""
    message: str


ATTENDANCE = timedelta(minutes=10)
"""How long after a PSU was with us a read may still say so."""


class Lease(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Who may sync now. Every claim raises `fence`; a holder whose fence is not the newest writes nothing."""

    fence: int = 0
    holder: str | None = None
    """The task that holds it, so that the same task's next attempt can go on after a crash."""
    claim: str | None = None
    """Random, new with every claim: tells two deliveries of one task apart."""
    step: int = 0
    """Raised by every write under one claim, so that a write whose answer was lost is recognised as made."""
    until: datetime | None = None
    refreshing_until: datetime | None = None
    """A token refresh may be under way until then: nobody else may use the same refresh token."""

    def is_held(self, *, at: datetime, by_other_than: str) -> bool:
        if self.until is None or at >= self.until:
            return False
        return self.holder != by_other_than and not by_other_than.endswith(self.heir)

    @property
    def heir(self) -> str:
        """The name of the task that may take over if nothing has changed by its time."""
        return f"heir-{self.fence}-{self.step}"

    def is_refreshing(self, *, at: datetime) -> bool:
        return self.refreshing_until is not None and at < self.refreshing_until

    def released(self) -> Lease:
        return Lease(fence=self.fence)


class Attendance(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The PSU is with us: reads until then are attended (RTS Art. 36(5)(a)). Kept no longer than that is so."""

    psu_ip_address: str
    until: datetime

    def __repr__(self) -> str:
        return f"Attendance(until={self.until.isoformat()})"


class Progress(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How far this window's sync has come, so that another attempt goes on instead of beginning again."""

    started_at: datetime
    accounts: tuple[BankAccount, ...] = ()
    """As the bank listed them in this window."""
    done: tuple[str, ...] = ()
    """Accounts that have been read to the end."""
    account_id: str | None = None
    """The account in whose booked list the next page is to be read."""
    next_page: str | None = None
    """The bank's own link to it. None while nothing is kept of this account."""
    since: date | None = None
    parts: int = 0
    """How many documents hold what was read of this account so far."""


class SyncFailure(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A read that failed, in the codes of the API's errors."""

    code: str
    """RATE_LIMITED (the bank's 429), BANK_TIMEOUT, BANK_API_ERROR."""
    at: datetime


class Consent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    organisation_id: str
    bank_id: str
    bank_name: str
    country: str
    """The bank's: data residency differs per country."""
    status: Status
    revision: int = 1
    """Raised by every change of status; numbers the history."""
    callback_url: str
    client_state: str | None
    """The client's own, given back on the callback."""
    bank_consent_id: str | None
    created_at: datetime
    expires_at: datetime
    """When access ends by itself."""
    sca_at: datetime | None = None
    """When the PSU last authenticated, kept apart from `expires_at`."""
    fault: ConsentFault | None = None
    account_ids: tuple[str, ...] = ()
    erased_account_ids: tuple[str, ...] = ()
    """What was erased while this consent reached it: its syncs leave these accounts alone; a new consent may bring
    them back."""
    last_synced_at: datetime | None = None
    next_sync_at: datetime | None = None
    """None when nothing is due: not active."""
    full_history_read: bool = False
    failed_syncs: int = 0
    """In a row; sets how long the next one waits."""
    last_failure: SyncFailure | None = None
    """Why the last sync did not end well; None when it did."""
    reads: tuple[datetime, ...] = ()
    """When unattended reads of the list of accounts were reserved (`domain.budgets`)."""
    attendance: Attendance | None = None
    wanted: tuple[str, ...] = ()
    """Accounts that a client asked for out of turn; empty when all are read, in turn."""
    in_turn_at: datetime | None = None
    """While accounts are wanted: when the next sync in turn is due."""
    progress: Progress | None = None
    lease: Lease = Lease()

    def is_expired(self, *, at: datetime) -> bool:
        return self.status == "active" and at >= self.expires_at

    def attending_ip(self, *, at: datetime) -> str | None:
        """The PSU's address while they are with us."""
        return self.attendance.psu_ip_address if self.attendance and at < self.attendance.until else None


class ConsentHistoryEntry(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One change of state: legal evidence, never edited."""

    revision: int
    status: Status
    at: datetime
    fault: ConsentFault | None


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
        attendance=_attendance(psu_ip_address, at=at),
    )


def asked_for(consent: Consent, *, account_id: str, at: datetime, psu_ip_address: str | None) -> Consent:
    """A client wants this account read now: the next sync does it, attended where the PSU's address is given.

    For the caller: a consent whose lease is held is being read now, and saving it would stop that read.
    """
    in_turn_at = consent.in_turn_at if consent.wanted else consent.next_sync_at
    attendance = _attendance(psu_ip_address, at=at) or consent.attendance
    if consent.next_sync_at is not None and consent.next_sync_at <= at and not consent.wanted:
        return msgspec.structs.replace(consent, attendance=attendance)
    return msgspec.structs.replace(
        consent,
        wanted=tuple(dict.fromkeys((*consent.wanted, account_id))),
        in_turn_at=in_turn_at,
        next_sync_at=at,
        attendance=attendance,
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
        in_turn_at=None,
        progress=None,
    )


def _attendance(psu_ip_address: str | None, *, at: datetime) -> Attendance | None:
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
        next_sync_at=consent.in_turn_at if was_last_wanted else consent.next_sync_at,
        in_turn_at=None if was_last_wanted else consent.in_turn_at,
        progress=None,
        lease=consent.lease.released(),
    )
