"""Enter what was read of an account into its pages, its feed and its proof."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Literal

import msgspec

from shared.domain import changes, proofs
from shared.domain.accounts import AccountHead, AccountRecord
from shared.domain.bank_data import BankAccount
from shared.domain.consents import Consent
from shared.domain.errors import BankRateLimited, BankRefused, BankTimeout, BankUnavailable
from shared.domain.pages import GoneRow, Page, merge
from shared.domain.proofs import Closing, Movement, Proof
from shared.domain.readings import Reading
from shared.use_cases.account_ledger import (
    Compared,
    Entry,
    batches,
    compare,
    gone_after,
    pending_after,
    withdrawals,
)
from shared.use_cases.account_records import handed_over, head_for, read_record
from shared.use_cases.bank_session import BankSession, Interrupted
from shared.use_cases.fence import BooksChanged
from shared.use_cases.ports import (
    AccountBooks,
    AccountWrite,
    BankRules,
    BookWrites,
    PageWrite,
    StoredAccount,
    SyncStore,
    Version,
)
from shared.use_cases.read_account import overlap_from

_ATTEMPTS = 5

_CLOCKS_DIFFER = timedelta(minutes=1)
"""More than two workers' clocks do."""


class Superseded(Exception):
    """Another consent has read the account since this reading began: what is stored is newer, and must stay."""

    def __init__(self, stored: StoredAccount) -> None:
        super().__init__()
        self.stored = stored


def enter_reading(
    reading: Reading,
    bank_account: BankAccount,
    stored: StoredAccount,
    *,
    session: BankSession,
    rules: BankRules,
    store: SyncStore,
    next_refresh_at: datetime,
    finished: Callable[[Consent], Consent],
) -> None:
    """Everything is written in commits fenced by the session's consent; `finished` is that consent after the last.

    Repeatable: what is stored already is recognised. A commit holds whole changes, the feed's and the proof's with
    them, so a crash between two leaves a shorter history, never a wrong one. Where another consent to the account
    writes at the same time, it begins again with what that one left. Raises Superseded, StaleWrite and BankError.
    """
    organisation_id, account_id = session.fence.consent.organisation_id, stored.record.id
    for attempt in range(_ATTEMPTS):
        if attempt:
            stored = store.accounts(organisation_id, [account_id])[account_id]
        if _is_superseded(reading, stored.record):
            raise Superseded(stored)
        books = store.books(organisation_id, account_id, since=reading.first_day)
        try:
            _Entering(
                reading,
                bank_account,
                stored,
                books,
                session=session,
                rules=rules,
                next_refresh_at=next_refresh_at,
            ).run(finished)
            return
        except BooksChanged:
            if attempt == _ATTEMPTS - 1:
                raise


def leave_as_it_is(
    stored: StoredAccount, *, session: BankSession, finished: Callable[[Consent], Consent]
) -> None:
    """The account hangs on the session's consent from now on, if that is the newer one; what was read of it stays."""
    consent, record = finished(session.fence.consent), stored.record
    head = head_for(record, consent)
    if head is None:
        session.fence.commit(consent)
        return
    record = handed_over(record, consent)
    session.fence.commit(consent, accounts=[AccountWrite(record=record, version=stored.version, head=head)])


def _is_superseded(reading: Reading, record: AccountRecord) -> bool:
    """A list that took long, or that a later attempt went on with, lacks what another consent's read has entered
    meanwhile. Nothing in it could tell that from what the bank took back."""
    known = record.data_as_of
    return known is not None and known != reading.after and known > reading.read_at - _CLOCKS_DIFFER


class _Entering:
    def __init__(
        self,
        reading: Reading,
        bank_account: BankAccount,
        stored: StoredAccount,
        books: AccountBooks,
        *,
        session: BankSession,
        rules: BankRules,
        next_refresh_at: datetime,
    ) -> None:
        self._reading = reading
        self._bank_account = bank_account
        self._record = stored.record
        self._version: Version = stored.version
        self._books = books
        self._pages: list[Page] = list(books.pages)
        self._page_versions = dict(books.versions)
        self._pending = books.pending
        self._gone: tuple[GoneRow, ...] = books.gone
        self._session = session
        self._rules = rules
        self._next_refresh_at = next_refresh_at
        self._was_passed_over = False
        """What is new of old days was never in the opening."""
        self._today = reading.read_at.astimezone(rules.time_zone).date()

    def run(self, finished: Callable[[Consent], Consent]) -> None:
        compared = compare(self._reading, self._books, account_id=self._record.id, seen_on=self._today)
        removed, missing, proof = self._concluded(compared)
        before = self._record.proof
        is_first = before.opening is None and proof.opening is not None
        is_news = is_first or proof.doubted or (proof.gap is not None and before.gap is None)
        if is_news and self._session.is_attended:
            # Once more, in case something was booked between the balance and the list.
            closing = self._closing()
            with suppress(Interrupted, BankUnavailable, BankTimeout, BankRateLimited, BankRefused):
                balances = self._session.read(
                    lambda access: self._session.connector.balances(access, self._bank_account)
                )
                self._reading = msgspec.structs.replace(self._reading, balances=balances)
                removed, missing, proof = self._concluded(compared, is_certain=True)
            if is_first and self._closing() != closing:
                # An opening that was reckoned while something moved would be wrong for ever.
                proof = self._after(before, [*compared.entries, *removed])
        whole = list(batches([*compared.entries, *removed], self._pages))
        for batch in whole[:-1]:
            self._write(
                batch, self._moved(self._record, batch, compared), consent=self._session.fence.consent
            )
        record = msgspec.structs.replace(
            self._read_record(),
            proof=proof,
            missing=missing,
            unlisted=self._unlisted(compared),
            history=self._history(compared),
        )
        record = msgspec.structs.replace(record, feed_status=proof.status, feed_gap=proof.gap)
        consent = finished(self._session.fence.consent)
        head = head_for(self._record, consent)
        if head is not None:
            record = msgspec.structs.replace(record, access_until=head.expires_at)
        self._write(whole[-1], record, consent=consent, head=head)

    def _concluded(
        self, compared: Compared, *, is_certain: bool = False
    ) -> tuple[list[Entry], tuple[str, ...], Proof]:
        """(rows to take out, ids in doubt, the proof after all of it)"""
        closing = self._closing()
        entered = self._after(self._record.proof, compared.entries)
        held = proofs.with_older_history(
            entered,
            self._older(compared.entries, compared),
            closing,
            [row.identity.movement for row in compared.booked],
            unlisted=[row.identity.movement for row in compared.missing],
        )
        self._was_passed_over = held != entered
        removed, missing = withdrawals(compared, held, closing, missed_before=frozenset(self._record.missing))
        leaving = {entry.row.identity.transaction_id for entry in removed}
        movements = [
            row.identity.movement for row in compared.booked if row.identity.transaction_id not in leaving
        ]
        proof = proofs.judged(
            self._after(held, removed),
            closing,
            movements,
            since=self._reading.since,
            history_from=self._history_from,
            is_certain=is_certain,
            holds_unlisted=len(compared.missing) > len(removed),
        )
        return removed, missing, proof

    def _older(self, entries: Sequence[Entry], compared: Compared) -> list[Movement]:
        """Rows that are new, of days that were read before and that the opening covers."""
        since, before = self._record.proof.since, self._settled_before(compared)
        if since is None or before is None:
            return []
        return [
            movement
            for entry in entries
            if entry.before is None and not entry.was_pending
            for movement in entry.entered
            if since <= movement.day < before
        ]

    def _settled_before(self, compared: Compared) -> date | None:
        """Days before this one bring nothing new but what was passed over: those that are not read each time, and those
        of the closing balance that an opening was reckoned of, if the list moved under that reading."""
        overlap, anchored_on = overlap_from(self._record, self._rules), self._record.proof.anchored_on
        closing = self._closing()
        if overlap is None or anchored_on is None or closing is None or closing.covers_all:
            return overlap
        return max(overlap, anchored_on + timedelta(days=1)) if self._has_moved(compared) else overlap

    def _history(self, compared: Compared) -> Literal["settled", "fresh", "again"]:
        """At a bank whose pages shift, a row that goes while a long list is read takes another one to a page that has
        been read. One of recent days comes with the next read; older ones only if the whole history is read again."""
        if self._is_of_all:
            return "fresh"
        return "again" if self._has_moved(compared) else "settled"

    def _has_moved(self, compared: Compared) -> bool:
        """Whether the list of the whole history may have moved under the last read, as a row went that it showed."""
        unlisted = self._record.unlisted
        return self._record.history == "fresh" and any(
            row.identity.transaction_id not in unlisted for row in compared.missing
        )

    def _unlisted(self, compared: Compared) -> tuple[str, ...]:
        """What goes while a list is read hides another only if it had been listed. So many at once is a list that was
        cut."""
        if not self._is_of_all:
            return self._record.unlisted
        names = tuple(row.identity.transaction_id for row in compared.missing)
        return names if len(names) <= changes.MAX_CHANGES else ()

    @property
    def _is_of_all(self) -> bool:
        overlap = overlap_from(self._record, self._rules)
        return overlap is None or self._reading.since < overlap

    @property
    def _history_from(self) -> date:
        """How far back the stored rows reach, once these are in: an opening is the balance before all of them."""
        return min(self._record.history_from or self._reading.since, self._reading.since)

    def _closing(self) -> Closing | None:
        closing = proofs.closing_balance(
            self._reading.balances,
            currency=self._record.currency,
            today=self._today,
            zone=self._rules.time_zone,
        )
        # Of what lies before the pages that were read, nothing can be subtracted.
        is_reached = closing is not None and closing.on >= self._reading.since - timedelta(days=1)
        return closing if is_reached else None

    def _after(self, proof: Proof, entries: Sequence[Entry]) -> Proof:
        return proofs.moved(
            proof,
            entered=[movement for entry in entries for movement in entry.entered],
            withdrawn=[movement for entry in entries for movement in entry.withdrawn],
            currency=self._record.currency,
        )

    def _moved(self, record: AccountRecord, batch: Sequence[Entry], compared: Compared) -> AccountRecord:
        proof = self._after(record.proof, batch)
        if self._was_passed_over:
            # In the commit of its rows: to an attempt after a crash they are no longer new.
            proof = proofs.with_opening_before(proof, self._older(batch, compared))
        return msgspec.structs.replace(record, proof=proof)

    def _read_record(self) -> AccountRecord:
        return read_record(
            self._record,
            self._bank_account,
            self._reading,
            self._session.fence.consent,
            rules=self._rules,
            next_refresh_at=self._next_refresh_at,
            history_from=self._history_from,
        )

    def _write(
        self,
        batch: Sequence[Entry],
        record: AccountRecord,
        *,
        consent: Consent,
        head: AccountHead | None = None,
    ) -> None:
        booked = [entry for entry in batch if entry.status == "booked"]
        written = merge(
            self._pages,
            [entry.row for entry in booked if entry.kind != "removed"],
            removed={entry.row.identity.transaction_id for entry in booked if entry.kind == "removed"},
        )
        pending = pending_after(self._pending, batch)
        gone = gone_after(self._gone, batch, today=self._today)
        visible = [change for entry in batch if (change := entry.change)]
        if visible:
            record = msgspec.structs.replace(record, changes=record.changes + 1)
        committed = self._session.fence.commit(
            consent,
            accounts=[AccountWrite(record=record, version=self._version, head=head)],
            books=BookWrites(
                account_id=record.id,
                pages=tuple(
                    PageWrite(page=page, version=self._page_versions.get(page.lower)) for page in written
                ),
                pending=None if pending == (self._pending or Page(lower="", rows=())) else pending,
                gone=None if gone == self._gone else gone,
                changes=changes.encode(visible),
                changes_number=record.changes,
            ),
        )
        self._record, self._version = record, committed.account_versions[record.id]
        self._page_versions |= committed.page_versions
        by_lower = {page.lower: page for page in (*self._pages, *written)}
        self._pages = [by_lower[lower] for lower in sorted(by_lower)]
        self._pending, self._gone = pending, gone
