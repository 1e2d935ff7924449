"""What clients are shown of a consent: not the bank's own ids, nor our leases."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from shared.domain.bank_health import BankHealth, HealthStatus
from shared.domain.banks import Bank
from shared.domain.consents import Consent, ConsentFault, ConsentHistoryEntry, Happened, Status


class HealthView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    status: HealthStatus
    since: datetime | None
    last_success_at: datetime | None


class BankView(Bank, frozen=True, kw_only=True, rename="camel"):
    health: HealthView


class RenewalView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    started_at: datetime
    authorise_by: datetime
    error: ConsentFault | None


class HistoryEntryView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    revision: int
    event: Happened
    status: Status
    at: datetime
    error: ConsentFault | None


class ConsentView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    bank_id: str
    bank_name: str
    status: Status
    callback_url: str
    state: str | None
    created_at: datetime
    activated_at: datetime | None
    expires_at: datetime
    last_synced_at: datetime | None
    next_sync_at: datetime | None
    account_ids: tuple[str, ...]
    error: ConsentFault | None
    renewal: RenewalView | None


class StartedConsentView(ConsentView, frozen=True, kw_only=True, rename="camel"):
    redirect_url: str


def bank_view(bank: Bank, health: BankHealth, *, at: datetime) -> BankView:
    shown = HealthView(
        status=health.status(at=at), since=health.since(at=at), last_success_at=health.last_success_at
    )
    return BankView(**msgspec.structs.asdict(bank), health=shown)


def consent_view(consent: Consent, *, at: datetime) -> ConsentView:
    return ConsentView(**_shown(consent, at=at))


def started_consent_view(consent: Consent, *, redirect_url: str, at: datetime) -> StartedConsentView:
    return StartedConsentView(**_shown(consent, at=at), redirect_url=redirect_url)


def history_entry_view(entry: ConsentHistoryEntry) -> HistoryEntryView:
    return HistoryEntryView(
        revision=entry.revision, event=entry.happened, status=entry.status, at=entry.at, error=entry.fault
    )


def _renewal_view(consent: Consent) -> RenewalView | None:
    renewal = consent.renewal
    if renewal is None:
        return None
    return RenewalView(started_at=renewal.started_at, authorise_by=renewal.authorise_by, error=renewal.fault)


def _shown(consent: Consent, *, at: datetime) -> dict[str, Any]:
    """The clock decides whether access is over, not the worker that has yet to write it down."""
    is_over = consent.is_expired(at=at)
    return {
        "id": consent.id,
        "bank_id": consent.bank_id,
        "bank_name": consent.bank_name,
        "status": "expired" if is_over else consent.status,
        "callback_url": consent.callback_url,
        "state": consent.client_state,
        "created_at": consent.created_at,
        "activated_at": consent.sca_at,
        "expires_at": consent.expires_at,
        "last_synced_at": consent.last_synced_at,
        "next_sync_at": None if is_over else consent.next_sync_at,
        "account_ids": consent.account_ids,
        "error": consent.fault,
        "renewal": _renewal_view(consent),
    }
