"""Read one account at its bank and put what is new into its pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, timedelta
from functools import partial

import msgspec

from shared.domain.accounts import (
    Account,
    AccountHead,
    AccountRecord,
    account_id,
    head_of,
    headline_balance,
    present_balances,
)
from shared.domain.bank_data import (
    BankAccess,
    BankAccount,
    BankTransaction,
    BookingStatus,
    TransactionsPage,
)
from shared.domain.budgets import RefreshBudget
from shared.domain.clock import Clock
from shared.domain.consents import Consent
from shared.domain.errors import BankRefused
from shared.domain.matching import Identity, Match, match
from shared.domain.pages import Page, Row, merge, row_key
from shared.domain.transactions import present
from shared.use_cases.bank_session import BankSession
from shared.use_cases.ports import (
    AccountPages,
    AccountWrite,
    BankRules,
    PageWrite,
    PendingWrite,
    SyncStore,
)

OVERLAP_DAYS = 10
"""Banks book late and correct what they booked: each read reaches this far behind the newest known day."""

RECENT_DAYS = 89
"""What every bank gives without a fresh SCA: the last 90 days (Reg. (EU) 2022/2360)."""

_ROWS_PER_COMMIT = 1_000

_encoder = msgspec.json.Encoder()


def sync_account(
    bank_account: BankAccount,
    *,
    session: BankSession,
    rules: BankRules,
    store: SyncStore,
    next_refresh_at: datetime,
    clock: Clock,
) -> None:
    """Everything is written in commits fenced by the session's consent. Raises BankError and StaleWrite.

    Repeatable: what is stored already is recognised. A commit holds whole changes, so a crash between two of them
    leaves a shorter history, never a wrong one.
    """
    consent = session.stored.consent
    organisation_id = consent.organisation_id
    identifier = account_id(organisation_id, consent.bank_id, bank_account)
    existing = store.find_account(organisation_id, identifier)
    today = clock.now().astimezone(rules.time_zone).date()

    balances = session.read(lambda access: session.connector.balances(access, bank_account))
    since, booked = _read_booked(bank_account, existing, session=session, rules=rules, today=today)
    pending = _read(bank_account, session=session, status="pending", since=since)
    read_at = clock.now()

    stored = store.pages(organisation_id, identifier, since=since)
    known_booked = [row.identity for page in stored.pages for row in page.rows]
    booked_ids = {identity.transaction_id for identity in known_booked}
    # What an attempt that died half-way has booked already waits no more.
    known_pending = [
        row.identity
        for row in (stored.pending.rows if stored.pending else ())
        if row.identity.transaction_id not in booked_ids
    ]
    still_pending = match(identifier, pending, known=known_pending, taken=booked_ids, seen_on=today)
    matches = match(
        identifier,
        booked,
        known=known_booked,
        pending=known_pending,
        listed={found.identity.transaction_id for found in still_pending if found.known},
        seen_on=today,
    )
    _write_booked(matches, stored, account=identifier, session=session, store=store)

    presented = present_balances(balances, read_at=read_at, zone=rules.time_zone)
    history_from = min(existing.history_from or since, since) if existing else since
    account = AccountRecord(
        id=identifier,
        bank_id=consent.bank_id,
        bank_name=consent.bank_name,
        country=consent.country,
        consent_id=_owner(existing, consent),
        iban=bank_account.iban,
        currency=bank_account.currency,
        name=bank_account.name,
        owner_name=bank_account.owner_name,
        type=bank_account.type,
        status="active",
        balance=headline_balance(presented),
        balances=presented,
        data_as_of=read_at,
        next_refresh_at=next_refresh_at,
        history_from=history_from,
        refresh=RefreshBudget(
            limit=rules.unattended_reads_per_day, remaining=0, next_refresh_at=next_refresh_at
        ),
        feed_status="unproved",
        feed_gap=None,
    )
    pending_page = _pending_page(
        pending,
        booked=matches,
        known=known_pending,
        taken=booked_ids,
        account=identifier,
        seen_on=today,
    )
    session.stored = store.commit(
        session.stored.consent,
        replacing=session.stored,
        accounts=[AccountWrite(account=account, head=_head(existing, session))],
        pending=[]
        if pending_page == (stored.pending or Page(lower="", rows=()))
        else [PendingWrite(account_id=identifier, page=pending_page)],
    ).consent


def _read_booked(
    bank_account: BankAccount,
    existing: Account | None,
    *,
    session: BankSession,
    rules: BankRules,
    today: date,
) -> tuple[date, list[BankTransaction]]:
    """From which day on, and what. A bank that gives no long history any more still gives the recent days."""
    recent = today - timedelta(days=RECENT_DAYS)
    if existing is None or existing.data_as_of is None or not session.stored.consent.full_history_read:
        since = today - timedelta(days=rules.history_days)
    else:
        last_read = existing.data_as_of.astimezone(rules.time_zone).date()
        since = last_read - timedelta(days=OVERLAP_DAYS)
    try:
        return since, _read(bank_account, session=session, status="booked", since=since)
    except BankRefused:
        if since >= recent:
            raise
        return recent, _read(bank_account, session=session, status="booked", since=recent)


def _read(
    bank_account: BankAccount, *, session: BankSession, status: BookingStatus, since: date
) -> list[BankTransaction]:
    transactions: list[BankTransaction] = []
    page: str | None = None
    while True:
        read_page = partial(
            _read_page, session=session, account=bank_account, status=status, since=since, page=page
        )
        answer = session.read(read_page)
        transactions.extend(answer.transactions)
        page = answer.next_page
        if page is None:
            return transactions


def _read_page(
    access: BankAccess,
    *,
    session: BankSession,
    account: BankAccount,
    status: BookingStatus,
    since: date,
    page: str | None,
) -> TransactionsPage:
    return session.connector.transactions_page(access, account, status=status, date_from=since, page=page)


def _write_booked(
    matches: Sequence[Match],
    stored: AccountPages,
    *,
    account: str,
    session: BankSession,
    store: SyncStore,
) -> None:
    pages = list(stored.pages)
    versions = dict(stored.versions)
    changed = sorted(
        (_row(found, account=account) for found in matches if not found.is_unchanged),
        key=lambda row: row.key,
    )
    for rows in _in_batches(changed):
        written = merge(pages, rows)
        committed = store.commit(
            session.stored.consent,
            replacing=session.stored,
            pages=[
                PageWrite(account_id=account, page=page, version=versions.get(page.lower)) for page in written
            ],
        )
        session.stored = committed.consent
        pages = _with(pages, written)
        versions |= committed.page_versions


def _in_batches(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), _ROWS_PER_COMMIT):
        yield rows[start : start + _ROWS_PER_COMMIT]


def _with(pages: Sequence[Page], written: Sequence[Page]) -> list[Page]:
    by_lower = {page.lower: page for page in pages} | {page.lower: page for page in written}
    return [by_lower[lower] for lower in sorted(by_lower)]


def _row(found: Match, *, account: str) -> Row:
    identity = found.identity
    transaction = present(found.transaction, transaction_id=identity.transaction_id, account_id=account)
    return Row(
        key=row_key(identity.day, identity.transaction_id),
        json=_encoder.encode(transaction),
        identity=identity,
    )


def _pending_page(
    pending: Sequence[BankTransaction],
    *,
    booked: Sequence[Match],
    known: Sequence[Identity],
    taken: AbstractSet[str],
    account: str,
    seen_on: date,
) -> Page:
    """What is still pending: not what the bank lists as booked at the same time."""
    booked_ids = {found.identity.transaction_id for found in booked}
    booked_marks = {
        mark
        for found in booked
        for mark in (found.identity.external_id, found.identity.entry_reference)
        if mark
    }
    waiting = [
        entry
        for entry in pending
        if entry.external_id not in booked_marks and entry.entry_reference not in booked_marks
    ]
    still_known = [identity for identity in known if identity.transaction_id not in booked_ids]
    matches = match(account, waiting, known=still_known, taken=taken | booked_ids, seen_on=seen_on)
    rows = (_row(found, account=account) for found in matches)
    return Page(lower="", rows=tuple(sorted(rows, key=lambda row: row.key, reverse=True)))


def _owner(existing: Account | None, consent: Consent) -> str:
    """Two active consents may reach one account: the newer one answers for it. Ids sort by their time."""
    if existing is not None and existing.status == "active":
        return max(existing.consent_id, consent.id)
    return consent.id


def _head(existing: Account | None, session: BankSession) -> AccountHead | None:
    """Written when the account changes hands or state; a repeated sync leaves it alone."""
    consent = session.stored.consent
    if _owner(existing, consent) != consent.id:
        return None
    if existing and existing.consent_id == consent.id and existing.status == "active":
        return None
    return head_of(consent)
