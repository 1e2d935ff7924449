"""Read one account at its bank to the end, keeping after every page what was read so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial

import msgspec

from shared.domain.accounts import AccountRecord
from shared.domain.bank_data import BankAccess, BankAccount, BankTransaction, BookingStatus, TransactionsPage
from shared.domain.clock import Clock
from shared.domain.consents import Progress
from shared.domain.errors import BankRefused
from shared.domain.readings import Reading, from_parts, to_parts
from shared.use_cases.bank_session import BankSession, Interrupted
from shared.use_cases.ports import BankRules, SyncStore

OVERLAP_DAYS = 10
"""Banks book late and correct what they booked: each read reaches this far behind the newest known day."""

RECENT_DAYS = 89
"""What every bank gives without a fresh SCA: the last 90 days (Reg. (EU) 2022/2360)."""


def read_account(
    bank_account: BankAccount,
    record: AccountRecord,
    *,
    progress: Progress,
    session: BankSession,
    rules: BankRules,
    store: SyncStore,
    clock: Clock,
    may_ask_again: Callable[[], bool],
) -> Reading:
    """Goes on where `progress` says an earlier attempt stopped. Raises BankError, StaleWrite and Interrupted.

    `may_ask_again` reserves what a second question to the bank spends, and says whether there was any left.

    Pending entries are read before booked ones: what is booked in between is told twice rather than never.
    """
    reading, page = None, None
    kept = _Kept(record.id, progress, session=session)
    if progress.account_id == record.id:
        reading, page = kept.reading(store), progress.next_page
    if reading is None:
        reading = _begin(bank_account, record, session=session, rules=rules, clock=clock)
    while True:
        try:
            answer = session.read(
                partial(
                    _page,
                    session=session,
                    account=bank_account,
                    status="booked",
                    since=reading.since,
                    page=page,
                )
            )
        except BankRefused:
            recent = reading.read_at.astimezone(rules.time_zone).date() - timedelta(days=RECENT_DAYS)
            if page is not None:
                # The bank no longer knows the way on: the next attempt begins again.
                kept.drop()
                raise
            if reading.since >= recent or not may_ask_again():
                raise
            reading = msgspec.structs.replace(reading, since=recent)
            continue
        reading = reading.with_page(answer.transactions)
        page = answer.next_page
        if page is None:
            return reading
        kept.keep(reading, page)


def _begin(
    bank_account: BankAccount, record: AccountRecord, *, session: BankSession, rules: BankRules, clock: Clock
) -> Reading:
    read_at = clock.now()
    today = read_at.astimezone(rules.time_zone).date()
    recent = today - timedelta(days=RECENT_DAYS)
    is_known = record.data_as_of is not None and session.fence.consent.full_history_read
    if not is_known or record.history == "again":
        since = today - timedelta(days=rules.history_days)
        if not session.is_attended and rules.unattended_reads_per_day == 1:
            since = max(since, recent)
    else:
        since = overlap_from(record, rules) or today
    balances = session.read(lambda access: session.connector.balances(access, bank_account))
    pending: list[BankTransaction] = []
    page: str | None = None
    while True:
        answer = session.read(
            partial(
                _page,
                session=session,
                account=bank_account,
                status="pending",
                since=max(since, recent),
                page=page,
            )
        )
        pending.extend(answer.transactions)
        page = answer.next_page
        if page is None:
            break
    return Reading(
        since=since,
        read_at=read_at,
        after=record.data_as_of,
        balances=balances,
        pending=tuple(pending),
        booked=(),
    )


def overlap_from(record: AccountRecord, rules: BankRules) -> date | None:
    """The first day that is read again each time; None before the first read."""
    if record.data_as_of is None:
        return None
    return record.data_as_of.astimezone(rules.time_zone).date() - timedelta(days=OVERLAP_DAYS)


def _page(
    access: BankAccess,
    *,
    session: BankSession,
    account: BankAccount,
    status: BookingStatus,
    since: date,
    page: str | None,
) -> TransactionsPage:
    return session.connector.transactions_page(access, account, status=status, date_from=since, page=page)


class _Kept:
    """What the store has of this read."""

    def __init__(self, account_id: str, progress: Progress, *, session: BankSession) -> None:
        self._account_id = account_id
        self._progress = progress
        self._session = session
        self._rows: int | None = None
        """Booked entries that are kept; None while nothing is."""

    def reading(self, store: SyncStore) -> Reading:
        """Raises StaleWrite where another delivery of this task has gone on with it and ended, Interrupted where it
        was lost: to begin again here would ask the bank what was not reserved."""
        consent = self._session.fence.consent
        parts = store.reading(consent.organisation_id, consent.id, parts=self._progress.parts)
        reading = from_parts(parts)
        if reading is None or len(parts) < self._progress.parts:
            self.drop()
            raise Interrupted
        self._rows = len(reading.booked)
        return reading

    def keep(self, reading: Reading, page: str) -> None:
        parts = to_parts(reading, booked_from=self._rows or 0, is_first=self._rows is None)
        before = self._progress.parts if self._rows is not None else 0
        self._save(
            msgspec.structs.replace(
                self._progress,
                account_id=self._account_id,
                next_page=page,
                parts=before + len(parts),
            ),
            parts=parts,
        )
        self._rows = len(reading.booked)

    def drop(self) -> None:
        self._save(without_reading(self._progress), parts=())

    def _save(self, progress: Progress, *, parts: Sequence[bytes]) -> None:
        fence = self._session.fence
        fence.commit(msgspec.structs.replace(fence.consent, progress=progress), parts=parts)
        self._progress = progress


def without_reading(progress: Progress) -> Progress:
    return msgspec.structs.replace(progress, account_id=None, next_page=None, parts=0)
