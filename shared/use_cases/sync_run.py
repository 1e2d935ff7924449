"""One attempt of a sync, under the consent's lease: what is read, and what becomes of the consent after it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from shared.domain import budgets
from shared.domain.accounts import account_id, head_of
from shared.domain.bank_data import BankAccount
from shared.domain.clock import Clock
from shared.domain.consent_changes import ended, postponed, put_off, synced
from shared.domain.consents import Consent, ConsentFault, Progress, SyncFailure
from shared.domain.errors import (
    BankAccessLost,
    BankError,
    BankRateLimited,
    BankRefused,
    BankTimeout,
    BankUnavailable,
    NotDecryptable,
)
from shared.domain.expiry_notices import days_left
from shared.domain.wanted_reads import wanted_when_free
from shared.use_cases.account_records import new_record
from shared.use_cases.bank_breaker import BankBreaker, BankHealths
from shared.use_cases.bank_session import BankSession, Interrupted
from shared.use_cases.fence import BooksChanged, Fence
from shared.use_cases.notices import Notices
from shared.use_cases.ports import (
    AccountWrite,
    BankRules,
    Banks,
    Consents,
    StoredAccount,
    SyncStore,
    SyncTasks,
    TokenVault,
)
from shared.use_cases.read_account import read_account, without_reading
from shared.use_cases.reservations import Reservations
from shared.use_cases.sync_account import Superseded, enter_reading, leave_as_it_is
from shared.use_cases.sync_failures import ended_by_bank, failure_code, retry_delay

RUN_TIME = timedelta(minutes=8)
"""Then no further call to the bank is made, and another task goes on: a task's deadline is 10 minutes."""

Outcome = Literal[
    "synced", "continued", "not_due", "busy", "limited", "ended", "postponed", "overtaken", "gone"
]


class SyncParts(msgspec.Struct, kw_only=True):
    """What one task works with."""

    task: str
    banks: Banks
    consents: Consents
    store: SyncStore
    vault: TokenVault
    queue: SyncTasks
    tasks: SyncTasks
    """The queue, taking the organisation's times."""
    healths: BankHealths
    notices: Notices
    wall: Clock
    clock: Clock
    """The organisation's."""
    should_stop: Callable[[], bool]
    breaker: BankBreaker | None = None
    """Once it has let this attempt through."""

    def bank_answered(
        self, error: BankError | None = None, *, is_read: bool = False, is_news: bool = False
    ) -> None:
        if self.breaker is None:
            return
        if error is not None:
            self.breaker.failed(error)
        elif is_read:
            self.breaker.succeeded(is_news=is_news)
        else:
            self.breaker.answered()


class SyncRun:
    """One attempt under the lease."""

    def __init__(
        self,
        sync: SyncParts,
        fence: Fence,
        *,
        rules: BankRules,
        reservations: Reservations,
        started_at: datetime,
    ) -> None:
        self._sync = sync
        self._fence = fence
        self._rules = rules
        self._reservations = reservations
        self._started_at = started_at
        consent = fence.consent
        self._told_until = consent.last_synced_at or consent.sca_at or started_at
        in_turn_at = started_at + budgets.interval(limit=rules.unattended_reads_per_day)
        self._next_sync_at = (consent.in_turn_at if consent.wanted else None) or in_turn_at
        self._listed: tuple[BankAccount, ...] = self._kept_progress.accounts
        self._has_listed = False
        """The bank has told its accounts in this attempt: where they were kept, no read of them was reserved."""
        self._begun: list[str] = []
        self._has_left_out = False
        """What was read of an account was not entered: the next sync reads the whole history, if this one did."""

    def run(self) -> Outcome:
        outcome = self._run()
        self._follow_up()
        return outcome

    def _follow_up(self) -> None:
        """What clients asked for during this read is read next, at once."""
        consent = self._fence.consent
        if consent.asked:
            self._sync.tasks.enqueue(
                consent.organisation_id,
                consent.id,
                window=f"asked-{consent.lease.fence}",
                not_before=self._sync.clock.now(),
            )

    def _run(self) -> Outcome:
        try:
            outcome = self._read_all()
            self._sync.bank_answered(is_read=outcome == "synced", is_news=self._fence.has_news)
            if outcome == "synced":
                self._tell_expiry()
            return outcome
        except Interrupted:
            if self._has_listed or self._begun:
                self._sync.bank_answered()
            return self._continue_later()
        except BankAccessLost as lost:
            self._sync.bank_answered(lost)
            self._leave_reads_to_others()
            self._fence.save(ended_by_bank(self._fence.consent, lost))
            return "ended"
        except NotDecryptable:
            self._leave_reads_to_others()
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
        if not to_read and self._reservations.refused:
            consent = self._fence.consent
            self._fence.save(put_off(consent, until=self._reservations.free_at(consent)))
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

    def _tell_expiry(self) -> None:
        consent = self._fence.consent
        days = days_left(consent.expires_at, since=self._told_until, until=self._sync.clock.now())
        if days is not None:
            self._sync.notices.consent_expiring(consent, days=days)

    def _read_one(self, name: str, bank_account: BankAccount, *, session: BankSession, is_last: bool) -> None:
        finished = self._finished if is_last else self._with_done(name)
        stored, progress = self._reservations.allowed[name], self._progress
        # Without the PSU, to ask again would spend a read for what another consent has just read.
        for _ in range(2 if session.is_attended else 1):
            try:
                self._read_and_enter(
                    bank_account, stored, progress=progress, session=session, finished=finished
                )
                return
            except Superseded as superseded:
                stored, progress = superseded.stored, without_reading(self._progress)
        self._has_left_out = True
        leave_as_it_is(stored, session=session, finished=finished)

    def _read_and_enter(
        self,
        bank_account: BankAccount,
        stored: StoredAccount,
        *,
        progress: Progress,
        session: BankSession,
        finished: Callable[[Consent], Consent],
    ) -> None:
        """Raises Superseded, StaleWrite, BankError and Interrupted."""
        name, store = stored.record.id, self._sync.store
        reading = read_account(
            bank_account,
            stored.record,
            progress=progress,
            session=session,
            rules=self._rules,
            store=store,
            clock=self._sync.clock,
            may_ask_again=lambda: self._spend_another(name),
        )
        enter_reading(
            reading,
            bank_account,
            stored if session.is_attended else self._reservations.allowed[name],
            session=session,
            rules=self._rules,
            store=store,
            next_refresh_at=self._next_sync_at,
            finished=finished,
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
        """First the one that an earlier attempt began: only one reading is kept, and it was reserved then."""
        consent, done = self._fence.consent, self._progress.done
        begun = self._progress.account_id
        return {
            name: bank_account
            for name, bank_account in sorted(self._by_id().items(), key=lambda item: item[0] != begun)
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
        done = synced(
            consent,
            at=self._sync.clock.now(),
            next_sync_at=self._next_sync_at,
            is_whole=not (consent.wanted or self._has_left_out),
        )
        return wanted_when_free(done, self._reservations.refused, at=self._reservations.free_at(done))

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
        until = now + retry_delay(consent.failed_syncs)
        writes = self._reservations.given_back(begun=self._begun)
        if isinstance(error, BankRateLimited | BankUnavailable) and error.retry_at is not None:
            until = max(until, min(error.retry_at, now + timedelta(days=1)))
        if isinstance(error, BankRateLimited) and self._begun:
            writes += self._reservations.limited(self._begun[-1], until=until)
        progress = self._progress
        if isinstance(error, BankRefused):
            # Perhaps one of its accounts is no longer what it was: ask for them again.
            progress = msgspec.structs.replace(progress, accounts=())
        failure = SyncFailure(code=failure_code(error), at=now)
        later = postponed(consent, failure, until=until, progress=progress)
        if not self._has_listed and not isinstance(error, BankTimeout):
            later = self._reservations.list_reads_given_back(later)
        self._commit(later, writes)
        self._sync.tasks.enqueue(
            consent.organisation_id, consent.id, window=f"retry-{consent.lease.fence}", not_before=until
        )
        return "postponed"

    def _leave_reads_to_others(self) -> None:
        """Before this consent ends: another one to the same accounts may make those that were not made."""
        writes = self._reservations.given_back(begun=self._begun)
        if writes:
            self._commit(self._fence.consent, writes)

    def _commit(self, consent: Consent, writes: list[AccountWrite]) -> None:
        """The consent in any case; the accounts unless another consent has written them meanwhile."""
        try:
            self._fence.commit(consent, accounts=writes)
        except BooksChanged:
            self._fence.save(consent)
