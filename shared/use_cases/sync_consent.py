"""Bring one consent's accounts up to date. One task is one call of this."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from shared.domain.accounts import account_id
from shared.domain.bank_data import BankAccount
from shared.domain.clock import Clock
from shared.domain.consents import Consent, ConsentFault, Lease, ended
from shared.domain.errors import BankAccessLost, BankError, BankRateLimited, NotDecryptable, StaleWrite
from shared.use_cases.bank_session import BankSession
from shared.use_cases.ports import (
    BankRules,
    Banks,
    Consents,
    StoredConsent,
    SyncStore,
    SyncTasks,
    TokenVault,
)
from shared.use_cases.sync_account import sync_account

LEASE = timedelta(minutes=11)
"""Longer than a task may run, so that a live worker never loses its lease."""

RETRY_DELAY_MAX = timedelta(hours=6)
_RETRY_DELAY_FIRST = timedelta(minutes=1)

Outcome = Literal["synced", "not_due", "busy", "ended", "postponed", "overtaken", "gone"]


def sync_consent(
    organisation_id: str,
    consent_id: str,
    *,
    task: str,
    banks: Banks,
    consents: Consents,
    store: SyncStore,
    vault: TokenVault,
    tasks: SyncTasks,
    clock: Clock,
) -> Outcome:
    """Every outcome is final for this task: what must happen later has been arranged for.

    `task` names the delivery: its own next attempt may continue a lease, another task must wait for its end.
    """
    stored = consents.find(organisation_id, consent_id)
    if stored is None:
        return "gone"
    consent, now = stored.consent, clock.now()
    try:
        if consent.is_expired(at=now):
            consents.save(ended(consent, status="expired"), replacing=stored, at=now)
            return "ended"
        if consent.status != "active":
            return "ended"
        if consent.next_sync_at is None or now < consent.next_sync_at:
            return "not_due"
        if consent.lease.is_held(at=now, by_other_than=task):
            tasks.enqueue(
                organisation_id,
                consent_id,
                window=f"after-{consent.lease.fence}",
                not_before=consent.lease.until or now,
            )
            return "busy"
        claimed = msgspec.structs.replace(
            consent, lease=Lease(fence=consent.lease.fence + 1, holder=task, until=now + LEASE)
        )
        stored = consents.save(claimed, replacing=stored, at=now)
        connector = banks.connector(consent.bank_id)
        session = BankSession(stored, connector=connector, consents=consents, vault=vault, clock=clock)
        return _sync(
            session,
            rules=banks.rules(consent.bank_id),
            consents=consents,
            store=store,
            tasks=tasks,
            clock=clock,
        )
    except StaleWrite:
        return "overtaken"


def _sync(
    session: BankSession,
    *,
    rules: BankRules,
    consents: Consents,
    store: SyncStore,
    tasks: SyncTasks,
    clock: Clock,
) -> Outcome:
    next_sync_at = clock.now() + timedelta(days=1) / rules.unattended_reads_per_day
    try:
        bank_accounts = _not_erased(session, session.read(session.connector.accounts))
        _remember_accounts(session, bank_accounts, store=store)
        for bank_account in bank_accounts:
            if _was_read_in_this_window(bank_account, session, store=store):
                continue
            sync_account(
                bank_account,
                session=session,
                rules=rules,
                store=store,
                next_refresh_at=next_sync_at,
                clock=clock,
            )
    except BankAccessLost as lost:
        consents.save(_ended_by_bank(session.stored.consent, lost), replacing=session.stored, at=clock.now())
        return "ended"
    except NotDecryptable:
        fault = ConsentFault(code="TOKEN_REFUSED", message="The bank's tokens can no longer be used.")
        consent = ended(session.stored.consent, status="error", fault=fault)
        consents.save(consent, replacing=session.stored, at=clock.now())
        return "ended"
    except BankError as error:
        _postpone(session.stored, error, consents=consents, tasks=tasks, clock=clock)
        return "postponed"
    now = clock.now()
    done = msgspec.structs.replace(
        session.stored.consent,
        lease=Lease(fence=session.stored.consent.lease.fence),
        last_synced_at=now,
        next_sync_at=next_sync_at,
        full_history_read=True,
        failed_syncs=0,
    )
    consents.save(done, replacing=session.stored, at=now)
    return "synced"


def _not_erased(session: BankSession, bank_accounts: tuple[BankAccount, ...]) -> tuple[BankAccount, ...]:
    """An account that was erased stays away, whatever the bank still lists under this consent."""
    consent = session.stored.consent
    return tuple(
        account
        for account in bank_accounts
        if account_id(consent.organisation_id, consent.bank_id, account) not in consent.erased_account_ids
    )


def _remember_accounts(
    session: BankSession, bank_accounts: tuple[BankAccount, ...], *, store: SyncStore
) -> None:
    """The consent names its accounts before they exist, so that ending it always finds them."""
    consent = session.stored.consent
    found = tuple(account_id(consent.organisation_id, consent.bank_id, account) for account in bank_accounts)
    if set(found) - set(consent.account_ids):
        merged = tuple(dict.fromkeys((*consent.account_ids, *found)))
        consent = msgspec.structs.replace(consent, account_ids=merged)
        session.stored = store.commit(consent, replacing=session.stored).consent


def _was_read_in_this_window(bank_account: BankAccount, session: BankSession, *, store: SyncStore) -> bool:
    """After a crash, the accounts that the first attempt finished are not read again: reads are a budget."""
    consent = session.stored.consent
    account = store.find_account(
        consent.organisation_id, account_id(consent.organisation_id, consent.bank_id, bank_account)
    )
    return (
        account is not None
        and account.consent_id == consent.id
        and account.data_as_of is not None
        and consent.next_sync_at is not None
        and account.data_as_of >= consent.next_sync_at
    )


def _ended_by_bank(consent: Consent, lost: BankAccessLost) -> Consent:
    if lost.reason == "expired":
        return ended(consent, status="expired")
    if lost.reason == "revoked":
        return ended(consent, status="revoked")
    fault = ConsentFault(code="TOKEN_REFUSED", message="The bank no longer accepts this consent's tokens.")
    return ended(consent, status="error", fault=fault)


def _postpone(
    stored: StoredConsent, error: BankError, *, consents: Consents, tasks: SyncTasks, clock: Clock
) -> None:
    """A failing bank gets a later task of its own, so that it never slows the queue for others."""
    now = clock.now()
    consent = stored.consent
    until = now + _retry_delay(consent.failed_syncs)
    if isinstance(error, BankRateLimited) and error.retry_at is not None:
        until = max(until, min(error.retry_at, now + timedelta(days=1)))
    postponed = msgspec.structs.replace(
        consent,
        lease=Lease(fence=consent.lease.fence),
        next_sync_at=until,
        failed_syncs=consent.failed_syncs + 1,
    )
    consents.save(postponed, replacing=stored, at=now)
    tasks.enqueue(
        consent.organisation_id, consent.id, window=f"retry-{consent.lease.fence}", not_before=until
    )


def _retry_delay(failed_syncs: int) -> timedelta:
    """Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/"""
    longest = min(_RETRY_DELAY_FIRST * (1 << min(failed_syncs, 12)), RETRY_DELAY_MAX)
    return longest * random.uniform(0.1, 1.0)  # noqa: S311 - spreads load, guards nothing


def due_window(scheduled_at: datetime) -> str:
    """The name of a tick: the same for every delivery of it."""
    return scheduled_at.strftime("%Y%m%dT%H%M%SZ")
