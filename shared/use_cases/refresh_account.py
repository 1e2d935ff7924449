"""A client wants an account's data fresh: its bank is read now, out of turn, by the sync's own worker."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Protocol

import msgspec

from shared.domain import budgets
from shared.domain.accounts import AccountRecord, refresh_budget, refresh_free_at
from shared.domain.budgets import RefreshBudget
from shared.domain.clock import Clock
from shared.domain.consents import Asked, Consent
from shared.domain.errors import (
    ConsentExpired,
    ConsentPending,
    ConsentRevoked,
    NotFound,
    RefreshLimitReached,
    StaleWrite,
)
from shared.domain.wanted_reads import asked_for, asked_meanwhile, is_being_read
from shared.use_cases.organisation_time import organisation_time
from shared.use_cases.ports import Consents, StoredConsent, SyncTasks

_ATTEMPTS = 10


class Accounts(Protocol):
    def find(self, organisation_id: str, account_id: str) -> AccountRecord | None: ...


class RefreshAccount(msgspec.Struct, frozen=True, kw_only=True):
    organisation_id: str
    account_id: str
    request_id: str
    """The same for every repetition of one request: it is asked for once."""
    psu_ip_address: str | None
    """Of a PSU who is with the client now: an attended read, which spends nothing of the budget."""

    def __repr__(self) -> str:
        return f"RefreshAccount({self.account_id!r}, attended={self.psu_ip_address is not None})"


def refresh_account(
    request: RefreshAccount, *, accounts: Accounts, consents: Consents, tasks: SyncTasks, clock: Clock
) -> RefreshBudget:
    """The budget as it is before the worker spends of it; the read itself is under way when this returns.

    Raises NotFound, ConsentExpired, ConsentRevoked, ConsentPending, and RefreshLimitReached for an unattended read
    that the bank does not allow now.
    """
    account = accounts.find(request.organisation_id, request.account_id)
    if account is None:
        raise NotFound("There is no such account.")
    for _ in range(_ATTEMPTS):
        stored = consents.find(request.organisation_id, account.consent_id)
        if stored is None:
            raise NotFound("There is no such account.")
        consent_clock, consent_tasks = organisation_time(stored.consent, clock=clock, tasks=tasks)
        now = consent_clock.now()
        _require_live(stored.consent, at=now)
        if request.psu_ip_address is None:
            _require_budget(account, stored.consent, at=now)
        is_under_way = stored.consent.lease.is_held(at=now, by_other_than="")
        try:
            _ask(stored, request, consents=consents, is_under_way=is_under_way, at=now)
        except StaleWrite:
            continue
        if not is_under_way:
            consent_tasks.enqueue(
                request.organisation_id,
                account.consent_id,
                window=f"asked-{request.request_id}",
                not_before=now,
            )
        return refresh_budget(account, at=now)
    raise StaleWrite("the consent kept changing")


def _ask(
    stored: StoredConsent, request: RefreshAccount, *, consents: Consents, is_under_way: bool, at: datetime
) -> None:
    """A read under way is not stopped: what it does not do is noted for the next one, which its worker asks for."""
    consent, account_id, psu_ip_address = stored.consent, request.account_id, request.psu_ip_address
    if not is_under_way:
        asked = asked_for(consent, account_id=account_id, at=at, psu_ip_address=psu_ip_address)
    elif is_being_read(consent, account_id, at=at, with_psu=psu_ip_address is not None):
        return
    else:
        asked = asked_meanwhile(consent, Asked(account_id=account_id, at=at, psu_ip_address=psu_ip_address))
    if asked != consent:
        consents.save(asked, replacing=stored, at=at)


def _require_live(consent: Consent, *, at: datetime) -> None:
    if consent.status == "expired" or consent.is_expired(at=at):
        raise ConsentExpired("The bank consent has expired. Please reconnect the bank account.")
    if consent.status == "pending":
        raise ConsentPending("The customer has not finished at the bank. Wait for the callback.")
    if consent.status != "active":
        raise ConsentRevoked("The bank consent was revoked. Please reconnect the bank account.")


def _require_budget(account: AccountRecord, consent: Consent, *, at: datetime) -> None:
    """Of the account, and of the list of accounts, which the bank counts too."""
    limit = account.refresh.limit
    free_at = max(refresh_free_at(account, at=at), budgets.free_at(consent.reads, limit=limit, at=at))
    if free_at > at:
        raise RefreshLimitReached(
            "The bank allows no more reads of this account without the customer for now. "
            "With the customer present, send psuIpAddress.",
            retry_after_seconds=max(1, math.ceil((free_at - at).total_seconds())),
        )
