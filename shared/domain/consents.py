"""A PSU's consent to read accounts at one bank: pending → active → expired | revoked | error."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta
from typing import Literal

import msgspec

from shared.domain.bank_data import BankAccount

Status = Literal["pending", "active", "expired", "revoked", "error"]

STATE_LIFETIME = timedelta(minutes=10)
"""How long a PSU has between leaving for the bank and coming back."""

AUTHORISE_WITHIN = timedelta(minutes=15)
"""After this, a PSU who has not come back never will: longer than a state lives and its callback takes."""

SHARDS = 16
"""How many parts of all consents are looked through side by side for what is due."""

ABANDONED = "ABANDONED"
"""The fault's code when nobody came back from the bank in time."""

Happened = Literal[
    "created",
    "activated",
    "renewal_started",
    "renewed",
    "renewal_failed",
    "expired",
    "revoked",
    "failed",
]


class ConsentFault(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    """PSU_DECLINED, SCA_FAILED, BANK_ERROR, TOKEN_REFUSED, …"""
    message: str


class Renewal(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A new SCA on a consent that was active once. Until it succeeds, the consent is as it was."""

    bank_consent_id: str
    callback_url: str
    client_state: str | None
    started_at: datetime
    expires_at: datetime
    """When access will end by itself, once renewed."""
    fault: ConsentFault | None = None
    """Why it failed; None while the PSU is awaited."""

    @property
    def authorise_by(self) -> datetime:
        return self.started_at + AUTHORISE_WITHIN


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


class Asked(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A client wants an account read, and the read that is under way will not do it."""

    account_id: str
    at: datetime
    psu_ip_address: str | None

    def __repr__(self) -> str:
        return f"Asked({self.account_id!r}, attended={self.psu_ip_address is not None})"


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
    """Raised by everything that the history tells; numbers its entries."""
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
    wanted_attended: tuple[str, ...] = ()
    """Of those, the ones that are read with the PSU or not at all: they must not spend the budget."""
    in_turn_at: datetime | None = None
    """While accounts are wanted: when the next sync in turn is due."""
    asked: tuple[Asked, ...] = ()
    """What clients asked for during a read; the next claim takes it up. The one field that others may write while
    a lease is held without ending it (`use_cases.fence`)."""
    progress: Progress | None = None
    lease: Lease = Lease()
    renewal: Renewal | None = None
    """The latest, until one succeeds."""
    unwanted: tuple[str, ...] = ()
    """The bank's own consents that are over here, and of which it has still to be told."""
    tell_bank_at: datetime | None = None
    """When it is told of them; None when there are none."""
    clock_offset_seconds: int = 0
    """How far the organisation has moved its clock; every time here but `due_at` is by that clock. 0 in live."""
    shard: int = 0
    """Derived from the id: which part of the dispatcher's index this consent is in."""
    due_at: datetime | None = None
    """Derived: when time itself next changes something here (a sync, the expiry, a PSU who stays away), by
    the wall clock. None when nothing will. Stored for the dispatcher, whose index is (shard, dueAt)."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "shard", shard_of(self.id))
        msgspec.structs.force_setattr(self, "due_at", self._due_at())

    def is_expired(self, *, at: datetime) -> bool:
        return self.status == "active" and at >= self.expires_at

    @property
    def authorise_by(self) -> datetime:
        """When a pending consent is given up."""
        return self.created_at + AUTHORISE_WITHIN

    @property
    def renewal_under_way(self) -> Renewal | None:
        return self.renewal if self.renewal is not None and self.renewal.fault is None else None

    @property
    def was_active(self) -> bool:
        return self.sca_at is not None

    def _due_at(self) -> datetime | None:
        deadlines: list[datetime] = []
        if self.status == "pending":
            deadlines.append(self.authorise_by)
        if self.status == "active":
            deadlines.append(self.expires_at)
            if self.next_sync_at is not None:
                deadlines.append(self.next_sync_at)
            deadlines += [asked.at for asked in self.asked]
        if self.tell_bank_at is not None:
            deadlines.append(self.tell_bank_at)
        if self.renewal_under_way is not None:
            deadlines.append(self.renewal_under_way.authorise_by)
        return wall_time(min(deadlines), self) if deadlines else None

    def attending_ip(self, *, at: datetime) -> str | None:
        """The PSU's address while they are with us."""
        return self.attendance.psu_ip_address if self.attendance and at < self.attendance.until else None


class ConsentHistoryEntry(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One thing that happened to a consent: legal evidence, never edited."""

    revision: int
    happened: Happened
    status: Status
    """As it was afterwards."""
    at: datetime
    fault: ConsentFault | None


def shard_of(consent_id: str) -> int:
    return hashlib.sha256(consent_id.encode()).digest()[0] % SHARDS


def wall_time(at: datetime, consent: Consent) -> datetime:
    """A moment of the organisation's clock, by the wall clock."""
    return at - timedelta(seconds=consent.clock_offset_seconds)
