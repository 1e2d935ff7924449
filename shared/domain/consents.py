"""A PSU's consent to read accounts at one bank: pending → active → expired | revoked | error."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

Status = Literal["pending", "active", "expired", "revoked", "error"]

STATE_LIFETIME = timedelta(minutes=10)
"""How long a PSU has between leaving for the bank and coming back."""


class ConsentFault(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    """PSU_DECLINED, SCA_FAILED, BANK_ERROR, TOKEN_REFUSED, …"""
    message: str


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """Who may sync now. Every claim raises `fence`; a holder whose fence is not the newest writes nothing."""

    fence: int = 0
    holder: str | None = None
    """The task that holds it, so that the same task's next attempt can go on after a crash."""
    until: datetime | None = None

    def is_held(self, *, at: datetime, by_other_than: str) -> bool:
        return self.until is not None and at < self.until and self.holder != by_other_than


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
    lease: Lease = Lease()

    def is_expired(self, *, at: datetime) -> bool:
        return self.status == "active" and at >= self.expires_at


class ConsentHistoryEntry(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One change of state: legal evidence, never edited."""

    revision: int
    status: Status
    at: datetime
    fault: ConsentFault | None


def activated(consent: Consent, *, at: datetime, expires_at: datetime) -> Consent:
    return msgspec.structs.replace(
        consent,
        status="active",
        revision=consent.revision + 1,
        sca_at=at,
        expires_at=expires_at,
        next_sync_at=at,
        fault=None,
    )


def ended(
    consent: Consent, *, status: Literal["expired", "revoked", "error"], fault: ConsentFault | None = None
) -> Consent:
    """No more syncs. What was read stays until it is erased, an explicit call of its own."""
    return msgspec.structs.replace(
        consent, status=status, revision=consent.revision + 1, next_sync_at=None, fault=fault, lease=Lease()
    )


def without_account(consent: Consent, account_id: str) -> Consent:
    """As it is once the account is erased. A sync under way has lost its lease: it writes nothing more."""
    may_bring_it_back = (
        consent.status in ("pending", "active") and account_id not in consent.erased_account_ids
    )
    return msgspec.structs.replace(
        consent,
        account_ids=tuple(known for known in consent.account_ids if known != account_id),
        erased_account_ids=(*consent.erased_account_ids, account_id)
        if may_bring_it_back
        else consent.erased_account_ids,
        lease=Lease(fence=consent.lease.fence),
    )
