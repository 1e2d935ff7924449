"""Bring one consent's accounts up to date. One task is one call of this."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from shared.domain import budgets
from shared.domain.accounts import account_id, head_of
from shared.domain.bank_data import BankAccount
from shared.domain.clock import Clock
from shared.domain.consents import Consent, ConsentFault, Lease, Progress, SyncFailure, ended
from shared.domain.errors import (
    BankAccessLost,
    BankError,
    BankRateLimited,
    BankRefused,
    BankTimeout,
    BankUnavailable,
    NotDecryptable,
    StaleWrite,
)
from shared.use_cases.bank_breaker import BankBreaker, BankHealths
from shared.use_cases.bank_session import BankSession, Interrupted
from shared.use_cases.consent_deadlines import settle_deadlines
from shared.use_cases.fence import BooksChanged, Fence
from shared.use_cases.organisation_time import organisation_time
from shared.use_cases.ports import (
    AccountWrite,
    BankRules,
    Banks,
    Consents,
    SyncStore,
    SyncTasks,
    TokenVault,
)
from shared.use_cases.read_account import read_account, without_reading
from shared.use_cases.reservations import Reservations
from shared.use_cases.sync_account import enter_reading, new_record

RUN_TIME = timedelta(minutes=8)
"""Then no further call to the bank is made, and another task goes on: a task's deadline is 10 minutes."""

LEASE = timedelta(minutes=11)
"""Longer than a task may run, so that a live worker never loses its lease."""

PROGRESS_KEPT = timedelta(hours=1)
"""How long the bank's links to further pages, and its list of accounts, are taken to be good."""

RETRY_DELAY_MAX = timedelta(hours=6)
_RETRY_DELAY_FIRST = timedelta(minutes=1)
_CLAIM_ATTEMPTS = 5

Outcome = Literal[
    "synced", "continued", "not_due", "busy", "limited", "ended", "postponed", "overtaken", "gone"
]


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
        return claimed.run() if isinstance(claimed, _Run) else claimed
    except StaleWrite:
        return "overtaken"


class _Sync(msgspec.Struct, kw_only=True):
    task: str
    banks: Banks
    consents: Consents
    store: SyncStore
    vault: TokenVault
    queue: SyncTasks
    tasks: SyncTasks
    """The queue, taking the organisation's times."""
    healths: BankHealths
    wall: Clock
    clock: Clock
    """The organisation's."""
    should_stop: Callable[[], bool]
    breaker: BankBreaker | None = None
    """Once it has let this attempt through."""

    def claim(self, organisation_id: str, consent_id: str) -> _Run | Outcome:
        """The lease, and one read of each account that is to be read, in one commit; or why not."""
        stored = self.consents.find(organisation_id, consent_id)
        if stored is None:
            return "gone"
        self.clock, self.tasks = organisation_time(stored.consent, clock=self.wall, tasks=self.queue)
        try:
            stored = settle_deadlines(stored, banks=self.banks, consents=self.consents, clock=self.clock)
        except StaleWrite:
            raise BooksChanged from None
        consent, now = stored.consent, self.clock.now()
        fence = Fence(stored, store=self.store, consents=self.consents, clock=self.clock)
        if consent.status != "active":
            return "ended"
        if consent.next_sync_at is None or now < consent.next_sync_at:
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
            fence.commit(_later(consent, at=reservations.free_at(consent)))
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
        return _Run(self, fence, rules=rules, reservations=reservations, started_at=now)

    def _refused_until(self, consent: Consent) -> datetime | None:
        """None once the bank may be asked; the probe of a bank that was down is taken once an attempt."""
        if self.breaker is not None:
            return None
        breaker = BankBreaker(
            consent.organisation_id, consent.bank_id, healths=self.healths, clock=self.clock
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

    def bank_answered(self, error: BankError | None = None, *, is_read: bool = False) -> None:
        if self.breaker is None:
            return
        if error is not None:
            self.breaker.failed(error)
        elif is_read:
            self.breaker.succeeded()
        else:
            self.breaker.answered()

    def _look_again(self, consent: Consent, *, window: str, at: datetime) -> None:
        self.tasks.enqueue(consent.organisation_id, consent.id, window=window, not_before=at)


class _Run:
    """One attempt under the lease."""

    def __init__(
        self, sync: _Sync, fence: Fence, *, rules: BankRules, reservations: Reservations, started_at: datetime
    ) -> None:
        self._sync = sync
        self._fence = fence
        self._rules = rules
        self._reservations = reservations
        self._started_at = started_at
        consent = fence.consent
        in_turn_at = started_at + budgets.interval(limit=rules.unattended_reads_per_day)
        self._next_sync_at = (consent.in_turn_at if consent.wanted else None) or in_turn_at
        self._listed: tuple[BankAccount, ...] = self._kept_progress.accounts
        self._has_listed = bool(self._listed)
        self._begun: list[str] = []

    def run(self) -> Outcome:
        try:
            outcome = self._read_all()
            self._sync.bank_answered(is_read=outcome == "synced")
            return outcome
        except Interrupted:
            if self._has_listed:
                self._sync.bank_answered()
            return self._continue_later()
        except BankAccessLost as lost:
            self._sync.bank_answered(lost)
            self._fence.save(_ended_by_bank(self._fence.consent, lost))
            return "ended"
        except NotDecryptable:
            fault = ConsentFault(code="TOKEN_REFUSED", message="The bank's tokens can no longer be used.")
            self._fence.save(ended(self._fence.consent, status="error", fault=fault))
            return "ended"
        except (BankError, BooksChanged) as error:
            if isinstance(error, BankError):
                self._sync.bank_answered(error)
            return self._postpone(error)

    def _read_all(self) -> Outcome:
        session = BankSession(
            self._fence,
            connector=self._sync.banks.connector(
                self._fence.consent.bank_id,
                clock_offset_seconds=self._fence.consent.clock_offset_seconds,
            ),
            consents=self._sync.consents,
            vault=self._sync.vault,
            clock=self._sync.clock,
            psu_ip_address=self._fence.consent.attending_ip(at=self._started_at),
            deadline=self._started_at + RUN_TIME,
            should_stop=self._sync.should_stop,
        )
        if not self._listed:
            self._listed = self._not_erased(session.read(session.connector.accounts))
            self._has_listed = True
            self._remember()
        to_read = self._to_read()
        if not to_read and self._reservations.has_refused:
            consent = self._fence.consent
            self._fence.save(_later(consent, at=self._reservations.free_at(consent)))
            return "limited"
        if not to_read:
            self._fence.save(self._finished(self._fence.consent))
        for name, bank_account in to_read.items():
            calls, is_last = session.calls, name == list(to_read)[-1]
            try:
                self._read_one(name, bank_account, session=session, is_last=is_last)
            finally:
                if session.calls > calls:
                    self._begun.append(name)
        return "synced"

    def _read_one(self, name: str, bank_account: BankAccount, *, session: BankSession, is_last: bool) -> None:
        store = self._sync.store
        stored = self._reservations.allowed[name]
        reading = read_account(
            bank_account,
            stored.record,
            progress=self._progress,
            session=session,
            rules=self._rules,
            store=store,
            clock=self._sync.clock,
            may_ask_again=lambda: self._spend_another(name),
        )
        enter_reading(
            reading,
            bank_account,
            self._reservations.allowed[name],
            session=session,
            rules=self._rules,
            store=store,
            next_refresh_at=self._next_sync_at,
            finished=self._finished if is_last else self._with_done(name),
        )

    def _spend_another(self, name: str) -> bool:
        writes = self._reservations.again(name, at=self._sync.clock.now())
        if writes:
            self._reservations.written(self._fence.commit(accounts=writes).account_versions)
        return writes is not None

    def _not_erased(self, bank_accounts: tuple[BankAccount, ...]) -> tuple[BankAccount, ...]:
        """An account that was erased stays away, whatever the bank still lists under this consent."""
        consent = self._fence.consent
        return tuple(
            bank_account
            for bank_account in bank_accounts
            if account_id(consent.organisation_id, consent.bank_id, bank_account)
            not in consent.erased_account_ids
        )

    def _remember(self) -> None:
        """The consent names its accounts before they are read, so that ending it always finds them."""
        consent = self._fence.consent
        by_id = self._by_id()
        new = [name for name in by_id if name not in consent.account_ids]
        if not new:
            return
        there = self._sync.store.accounts(consent.organisation_id, new)
        writes = self._reservations.take(there)
        for name in new:
            if name not in there:
                record = new_record(name, by_id[name], consent, rules=self._rules)
                record = self._reservations.create(record)
                writes.append(AccountWrite(record=record, version=None, head=head_of(consent)))
        merged = tuple(dict.fromkeys((*consent.account_ids, *new)))
        committed = self._fence.commit(
            msgspec.structs.replace(consent, account_ids=merged, progress=self._progress), accounts=writes
        )
        self._reservations.written(committed.account_versions)

    def _to_read(self) -> dict[str, BankAccount]:
        consent, done = self._fence.consent, self._progress.done
        return {
            name: bank_account
            for name, bank_account in self._by_id().items()
            if name in self._reservations.allowed
            and name not in done
            and (not consent.wanted or name in consent.wanted)
        }

    def _by_id(self) -> dict[str, BankAccount]:
        consent = self._fence.consent
        return {
            account_id(consent.organisation_id, consent.bank_id, bank_account): bank_account
            for bank_account in self._listed
        }

    @property
    def _kept_progress(self) -> Progress:
        return self._fence.consent.progress or Progress(started_at=self._started_at)

    @property
    def _progress(self) -> Progress:
        return msgspec.structs.replace(self._kept_progress, accounts=self._listed)

    def _with_done(self, name: str) -> Callable[[Consent], Consent]:
        def with_done(consent: Consent) -> Consent:
            progress = without_reading(self._progress)
            return msgspec.structs.replace(
                consent, progress=msgspec.structs.replace(progress, done=(*progress.done, name))
            )

        return with_done

    def _finished(self, consent: Consent) -> Consent:
        return msgspec.structs.replace(
            consent,
            lease=consent.lease.released(),
            last_synced_at=self._sync.clock.now(),
            next_sync_at=self._next_sync_at,
            full_history_read=consent.full_history_read or not consent.wanted,
            failed_syncs=0,
            last_failure=None,
            attendance=None,
            wanted=(),
            in_turn_at=None,
            progress=None,
        )

    def _continue_later(self) -> Outcome:
        """Where this attempt stopped, another task goes on at once."""
        consent = self._fence.consent
        fence = consent.lease.fence
        released = msgspec.structs.replace(consent, lease=consent.lease.released(), progress=self._progress)
        if not self._has_listed:
            released = self._reservations.list_reads_given_back(released)
        self._commit(released, self._reservations.given_back(begun=self._begun))
        self._sync.tasks.enqueue(
            consent.organisation_id, consent.id, window=f"more-{fence}", not_before=self._sync.clock.now()
        )
        return "continued"

    def _postpone(self, error: BankError | BooksChanged) -> Outcome:
        """A failing bank gets a later task of its own, so that it never slows the queue for others."""
        now, consent = self._sync.clock.now(), self._fence.consent
        until = now + _retry_delay(consent.failed_syncs)
        writes = self._reservations.given_back(begun=self._begun)
        if isinstance(error, BankRateLimited | BankUnavailable) and error.retry_at is not None:
            until = max(until, min(error.retry_at, now + timedelta(days=1)))
        if isinstance(error, BankRateLimited) and self._begun:
            writes += self._reservations.limited(self._begun[-1], until=until)
        progress = self._progress
        if isinstance(error, BankRefused):
            # Perhaps one of its accounts is no longer what it was: ask for them again.
            progress = msgspec.structs.replace(progress, accounts=())
        postponed = msgspec.structs.replace(
            consent,
            lease=consent.lease.released(),
            next_sync_at=until,
            failed_syncs=consent.failed_syncs + 1,
            last_failure=SyncFailure(code=_failure_code(error), at=now),
            attendance=consent.attendance if consent.attending_ip(at=until) else None,
            progress=progress,
        )
        if not self._has_listed and not isinstance(error, BankTimeout):
            postponed = self._reservations.list_reads_given_back(postponed)
        self._commit(postponed, writes)
        self._sync.tasks.enqueue(
            consent.organisation_id, consent.id, window=f"retry-{consent.lease.fence}", not_before=until
        )
        return "postponed"

    def _commit(self, consent: Consent, writes: list[AccountWrite]) -> None:
        """The consent in any case; the accounts unless another consent has written them meanwhile."""
        try:
            self._fence.commit(consent, accounts=writes)
        except BooksChanged:
            self._fence.save(consent)


def _progress(consent: Consent, *, at: datetime) -> Progress:
    kept = consent.progress
    if kept is None or at - kept.started_at >= PROGRESS_KEPT:
        return Progress(started_at=at)
    return kept


def _later(consent: Consent, *, at: datetime) -> Consent:
    """No read is allowed now. What a client asked for out of turn is read in turn."""
    return msgspec.structs.replace(
        consent,
        lease=consent.lease.released(),
        next_sync_at=(consent.in_turn_at if consent.wanted else None) or at,
        wanted=(),
        in_turn_at=None,
    )


def _ended_by_bank(consent: Consent, lost: BankAccessLost) -> Consent:
    if lost.reason == "expired":
        return ended(consent, status="expired")
    if lost.reason == "revoked":
        return ended(consent, status="revoked")
    fault = ConsentFault(code="TOKEN_REFUSED", message="The bank no longer accepts this consent's tokens.")
    return ended(consent, status="error", fault=fault)


def _failure_code(error: BankError | BooksChanged) -> str:
    if isinstance(error, BankRateLimited):
        return "RATE_LIMITED"
    if isinstance(error, BooksChanged):
        return "CONFLICT"
    return "BANK_TIMEOUT" if isinstance(error, BankTimeout) else "BANK_API_ERROR"


def _retry_delay(failed_syncs: int) -> timedelta:
    """Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/"""
    longest = min(_RETRY_DELAY_FIRST * (1 << min(failed_syncs, 12)), RETRY_DELAY_MAX)
    return longest * random.uniform(0.1, 1.0)  # noqa: S311 - spreads load, guards nothing
