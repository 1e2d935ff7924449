"""Bring one consent's accounts up to date. One task is one call of this."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from shared.domain.clock import Clock
from shared.domain.consent_changes import put_off
from shared.domain.consents import Consent, Lease, Progress
from shared.domain.errors import StaleWrite
from shared.domain.wanted_reads import taken_up
from shared.use_cases.bank_breaker import BankBreaker, BankHealths
from shared.use_cases.consent_deadlines import settle_deadlines, tell_bank
from shared.use_cases.fence import BooksChanged, Fence
from shared.use_cases.notices import NO_NOTICES, Notices
from shared.use_cases.organisation_time import organisation_time
from shared.use_cases.ports import (
    Banks,
    Consents,
    StoredConsent,
    SyncStore,
    SyncTasks,
    TokenVault,
)
from shared.use_cases.reservations import Reservations
from shared.use_cases.sync_run import Outcome, SyncParts, SyncRun

LEASE = timedelta(minutes=11)
"""Longer than a task may run, so that a live worker never loses its lease."""

PROGRESS_KEPT = timedelta(hours=1)
"""How long the bank's links to further pages, and its list of accounts, are taken to be good."""

CLOCKS_DIFFER = timedelta(seconds=30)
"""More than the dispatcher's and a worker's do."""

_CLAIM_ATTEMPTS = 5


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
    healths: BankHealths,
    clock: Clock,
    notices: Notices = NO_NOTICES,
    should_stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Every outcome is final for this task: what must happen later has been arranged for.

    `task` names the delivery: its own next attempt may continue a lease, another task must wait for its end.
    `should_stop` is asked between calls to the bank; once it is true, what was read is kept and another task goes on.
    """
    sync = _Sync(
        task=task,
        banks=banks,
        consents=consents,
        store=store,
        vault=vault,
        queue=tasks,
        tasks=tasks,
        healths=healths,
        notices=notices,
        wall=clock,
        clock=clock,
        should_stop=should_stop,
    )
    try:
        for _ in range(_CLAIM_ATTEMPTS):
            try:
                claimed = sync.claim(organisation_id, consent_id)
                break
            except BooksChanged:
                continue
        else:
            return "overtaken"
        return claimed.run() if isinstance(claimed, SyncRun) else claimed
    except StaleWrite:
        return "overtaken"


class _Sync(SyncParts, kw_only=True):
    def claim(self, organisation_id: str, consent_id: str) -> SyncRun | Outcome:
        """The lease, and one read of each account that is to be read, in one commit; or why not."""
        stored = self.consents.find(organisation_id, consent_id)
        if stored is None:
            return "gone"
        self.clock, self.tasks = organisation_time(stored.consent, clock=self.wall, tasks=self.queue)
        try:
            stored = self._settled(stored)
        except StaleWrite:
            raise BooksChanged from None
        consent, now = stored.consent, self.clock.now()
        fence = Fence(stored, store=self.store, consents=self.consents, clock=self.clock)
        if consent.status != "active":
            return "ended"
        if consent.next_sync_at is None or now < consent.next_sync_at:
            self._look_again_if_early(consent, now=now)
            return "not_due"
        if consent.lease.is_held(at=now, by_other_than=self.task):
            self._look_again(consent, window=f"after-{consent.lease.fence}", at=consent.lease.until or now)
            return "busy"
        if consent.lease.is_refreshing(at=now):
            self._look_again(consent, window=consent.lease.heir, at=consent.lease.refreshing_until or now)
            return "busy"
        rules = self.banks.rules(consent.bank_id)
        progress = _progress(consent, at=now)
        reservations = Reservations(
            consent, progress, rules=rules, is_attended=consent.attending_ip(at=now) is not None, at=now
        )
        asked = [name for name in consent.wanted or consent.account_ids if name not in progress.done]
        known = self.store.accounts(organisation_id, asked) if reservations.may_list else {}
        writes = reservations.take(known)
        if not reservations.may_list or (known and not reservations.allowed):
            fence.commit(put_off(consent, until=reservations.free_at(consent)))
            return "limited"
        refused_until = self._refused_until(consent)
        if refused_until is not None:
            return self._come_back(fence, at=refused_until)
        lease = Lease(
            fence=consent.lease.fence + 1, holder=self.task, claim=secrets.token_hex(8), until=now + LEASE
        )
        claimed = msgspec.structs.replace(
            consent, lease=lease, progress=progress, reads=reservations.list_reads
        )
        reservations.written(fence.commit(claimed, accounts=writes).account_versions)
        return SyncRun(self, fence, rules=rules, reservations=reservations, started_at=now)

    def _settled(self, stored: StoredConsent) -> StoredConsent:
        """What comes before any read; nothing of it is for who meets a read under way. Raises StaleWrite."""
        stored = settle_deadlines(stored, consents=self.consents, clock=self.clock)
        now, lease = self.clock.now(), stored.consent.lease
        if lease.is_held(at=now, by_other_than=self.task) or lease.is_refreshing(at=now):
            return stored
        stored = tell_bank(stored, banks=self.banks, consents=self.consents, clock=self.clock)
        taken = taken_up(stored.consent, at=now) if stored.consent.status == "active" else stored.consent
        if taken is stored.consent:
            return stored
        return self.consents.save(taken, replacing=stored, at=now)

    def _refused_until(self, consent: Consent) -> datetime | None:
        """None once the bank may be asked; the probe of a bank that was down is taken once an attempt."""
        if self.breaker is not None:
            return None
        breaker = BankBreaker(
            consent.organisation_id,
            consent.bank_id,
            healths=self.healths,
            notices=self.notices,
            clock=self.clock,
        )
        refused_until = breaker.refused_until()
        if refused_until is None:
            self.breaker = breaker
        return refused_until

    def _come_back(self, fence: Fence, *, at: datetime) -> Outcome:
        """The bank is known to be down: it is not called, and this consent has not failed."""
        fence.save(msgspec.structs.replace(fence.consent, next_sync_at=at))
        self._look_again(fence.consent, window=f"bank-{at:%Y%m%dT%H%M%S%f}Z", at=at)
        return "postponed"

    def _look_again_if_early(self, consent: Consent, *, now: datetime) -> None:
        """The dispatcher's clock may be ahead of this one, and the name of its task is spent now for half an hour."""
        due_at = consent.next_sync_at
        if due_at is not None and due_at - now <= CLOCKS_DIFFER:
            self._look_again(consent, window=f"early-{due_at:%Y%m%dT%H%M%S%f}Z", at=due_at + CLOCKS_DIFFER)

    def _look_again(self, consent: Consent, *, window: str, at: datetime) -> None:
        self.tasks.enqueue(consent.organisation_id, consent.id, window=window, not_before=at)


def _progress(consent: Consent, *, at: datetime) -> Progress:
    kept = consent.progress
    if kept is None or at - kept.started_at >= PROGRESS_KEPT:
        return Progress(started_at=at)
    return kept
