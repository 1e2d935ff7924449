"""What a read makes of an account's stored rows: which are new, changed or gone. Pure; `sync_account` writes it."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

import msgspec

from shared.domain import proofs
from shared.domain.bank_data import BookingStatus
from shared.domain.changes import MAX_BYTES, MAX_CHANGES, Change
from shared.domain.matching import PENDING_TO_BOOKED_DAYS_MAX, Match, match, without_booked
from shared.domain.pages import GoneRow, Page, Row, row_key
from shared.domain.proofs import Closing, Movement, Proof
from shared.domain.readings import Reading
from shared.domain.transactions import present
from shared.use_cases.ports import AccountBooks

GONE_KEPT = timedelta(days=60)
_PENDING_GONE_KEPT = timedelta(days=PENDING_TO_BOOKED_DAYS_MAX)

_PAGES_PER_COMMIT = 20
"""Full pages of long rows, and Firestore takes 10 MiB at once."""

_encoder = msgspec.json.Encoder()


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One row's change."""

    kind: Literal["added", "modified", "touched", "removed"]
    """touched: what recognises it changed, and nothing that clients see."""
    status: BookingStatus
    """Where the row stands now; of a removed one, where it stood."""
    row: Row
    """As it is now; a removed one as it was."""
    before: Row | None
    """What it replaces among the booked rows."""
    was_pending: bool = False

    @property
    def change(self) -> Change | None:
        if self.kind == "touched":
            return None
        json = b"" if self.kind == "removed" else self.row.json
        return Change(kind=self.kind, transaction_id=self.row.identity.transaction_id, json=json)

    @property
    def entered(self) -> Iterator[Movement]:
        if self.status == "booked" and self.kind != "removed":
            yield self.row.identity.movement

    @property
    def withdrawn(self) -> Iterator[Movement]:
        if self.before is not None:
            yield self.before.identity.movement


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A read held against the stored rows."""

    entries: tuple[Entry, ...]
    """In the order to write them: those that end a pending row first, pending ones last."""
    missing: tuple[Row, ...]
    """Stored booked rows of the days that were read, which the bank does not list."""
    booked: tuple[Row, ...]
    """All booked rows of those pages, as they are once `entries` are in."""


def compare(reading: Reading, books: AccountBooks, *, account_id: str, seen_on: date) -> Compared:
    stored = {row.identity.transaction_id: row for page in books.pages for row in page.rows}
    waiting = {
        row.identity.transaction_id: row
        for row in (books.pending.rows if books.pending else ())
        if row.identity.transaction_id not in stored
    }
    known, known_pending = (
        [row.identity for row in stored.values()],
        [row.identity for row in waiting.values()],
    )
    gone = [item.identity for item in books.gone if item.was == "booked"]
    gone_pending = [item.identity for item in books.gone if item.was == "pending"]
    all_gone = {item.identity.transaction_id for item in books.gone}

    still = match(
        account_id,
        reading.pending,
        known=known_pending,
        gone=gone_pending,
        taken=stored.keys() | all_gone,
        others=reading.booked,
        seen_on=seen_on,
    )
    matches = match(
        account_id,
        reading.booked,
        known=known,
        pending=known_pending,
        gone=gone,
        gone_pending=gone_pending,
        listed={found.identity.transaction_id for found in still if found.known in known_pending},
        others=reading.pending,
        since=reading.since,
        seen_on=seen_on,
    )
    booked_ids = {found.identity.transaction_id for found in matches}
    pending = match(
        account_id,
        [found.transaction for found in without_booked(still, matches)],
        known=[identity for identity in known_pending if identity.transaction_id not in booked_ids],
        gone=[identity for identity in gone_pending if identity.transaction_id not in booked_ids],
        taken=stored.keys() | booked_ids | all_gone,
        others=reading.booked,
        seen_on=seen_on,
    )
    booked_entries = [
        entry
        for found in matches
        if (entry := _booked_entry(found, stored=stored, waiting=waiting, account_id=account_id))
    ]
    pending_entries = [
        entry for found in pending if (entry := _pending_entry(found, waiting=waiting, account_id=account_id))
    ]
    pending_ids = {found.identity.transaction_id for found in pending}
    vanished = [
        Entry(kind="removed", status="pending", row=row, before=None)
        for name, row in waiting.items()
        if name not in pending_ids and name not in booked_ids
    ]
    missing = tuple(
        row for name, row in stored.items() if name not in booked_ids and row.identity.day >= reading.since
    )
    now = stored | {entry.row.identity.transaction_id: entry.row for entry in booked_entries}
    return Compared(
        entries=(
            *sorted(booked_entries, key=lambda entry: (not entry.was_pending, entry.row.key)),
            *pending_entries,
            *vanished,
        ),
        missing=missing,
        booked=tuple(now.values()),
    )


def withdrawals(
    compared: Compared, proof: Proof, closing: Closing | None, *, missed_before: AbstractSet[str]
) -> tuple[list[Entry], tuple[str, ...]]:
    """(rows to take out, ids that stay in doubt) of the missing ones.

    A list can lack a row that is there. So a row goes only if the balance agrees without it, and not with it; where the
    balance cannot tell, if the read before missed it too.
    """
    missing = compared.missing
    if not missing or len(missing) > MAX_CHANGES:
        # So many at once is a list that was cut, not a bank that took them back.
        return [], ()
    lacking = (
        proofs.missing_amount(proof, closing, [row.identity.movement for row in compared.booked])
        if closing is not None and proof.is_borne_out
        else None
    )
    if lacking is not None and closing is not None:
        judged = [row for row in missing if closing.covers_all or row.identity.day <= closing.on]
        total = sum((row.identity.movement.amount for row in judged), Decimal(0))
        if judged and total != 0:
            # `lacking` was reckoned with the missing rows still held.
            gone = judged if lacking == -total else []
            return [_withdrawal(row) for row in gone], ()
    gone = _missed_again(compared, missed_before)
    doubted = tuple(row.identity.transaction_id for row in missing if row not in gone)
    return [_withdrawal(row) for row in gone], doubted


def _missed_again(compared: Compared, missed_before: AbstractSet[str]) -> list[Row]:
    """Of rows that look the same, whichever the bank's one is taken for now: as many as both reads missed."""
    before = Counter(
        row.identity.content for row in compared.booked if row.identity.transaction_id in missed_before
    )
    gone: list[Row] = []
    for row in sorted(compared.missing, key=lambda row: row.identity.transaction_id not in missed_before):
        if before[row.identity.content] > 0:
            before[row.identity.content] -= 1
            gone.append(row)
    return gone


def batches(entries: Sequence[Entry], pages: Sequence[Page]) -> Iterator[tuple[Entry, ...]]:
    """Each for one commit, which also writes the pages that it changes. At least one, which may be empty."""
    lowers = [page.lower for page in pages]
    batch: list[Entry] = []
    touched: set[int] = set()
    size = 0
    for entry in entries:
        keys = [row.key for row in (entry.row, entry.before) if row and entry.status == "booked"]
        places = {bisect_right(lowers, key) for key in keys}
        if batch and (
            len(batch) >= MAX_CHANGES
            or size + len(entry.row.json) > MAX_BYTES
            or len(touched | places) > _PAGES_PER_COMMIT
        ):
            yield tuple(batch)
            batch, touched, size = [], set(), 0
        batch.append(entry)
        touched |= places
        size += len(entry.row.json)
    yield tuple(batch)


def pending_after(pending: Page | None, entries: Iterable[Entry]) -> Page:
    rows = {row.identity.transaction_id: row for row in (pending.rows if pending else ())}
    for entry in entries:
        name = entry.row.identity.transaction_id
        if entry.status == "pending" and entry.kind != "removed":
            rows[name] = entry.row
        else:
            rows.pop(name, None)
    return Page(lower="", rows=tuple(sorted(rows.values(), key=lambda row: row.key, reverse=True)))


def gone_after(gone: Sequence[GoneRow], entries: Iterable[Entry], *, today: date) -> tuple[GoneRow, ...]:
    rows = {item.identity.transaction_id: item for item in gone}
    for entry in entries:
        identity = entry.row.identity
        if entry.kind == "removed":
            rows[identity.transaction_id] = GoneRow(was=entry.status, identity=identity)
        else:
            rows.pop(identity.transaction_id, None)
    kept = {"booked": GONE_KEPT, "pending": _PENDING_GONE_KEPT}
    found = tuple(item for item in rows.values() if today - item.identity.day <= kept[item.was])
    return found if set(rows) != {item.identity.transaction_id for item in gone} else tuple(gone)


def _booked_entry(
    found: Match, *, stored: dict[str, Row], waiting: dict[str, Row], account_id: str
) -> Entry | None:
    row, name = _row(found, account_id=account_id), found.identity.transaction_id
    before = stored.get(name)
    if before is None:
        was_pending = name in waiting
        return Entry(
            kind="modified" if was_pending else "added",
            status="booked",
            row=row,
            before=None,
            was_pending=was_pending,
        )
    if before == row:
        return None
    kind: Literal["modified", "touched"] = "touched" if before.json == row.json else "modified"
    return Entry(kind=kind, status="booked", row=row, before=before)


def _pending_entry(found: Match, *, waiting: dict[str, Row], account_id: str) -> Entry | None:
    row, before = _row(found, account_id=account_id), waiting.get(found.identity.transaction_id)
    if before is None:
        return Entry(kind="added", status="pending", row=row, before=None)
    if before == row:
        return None
    kind: Literal["modified", "touched"] = "touched" if before.json == row.json else "modified"
    return Entry(kind=kind, status="pending", row=row, before=None)


def _withdrawal(row: Row) -> Entry:
    return Entry(kind="removed", status="booked", row=row, before=row)


def _row(found: Match, *, account_id: str) -> Row:
    identity = found.identity
    transaction = present(
        found.transaction,
        transaction_id=identity.transaction_id,
        account_id=account_id,
        confidence=identity.confidence,
    )
    return Row(
        key=row_key(identity.day, identity.transaction_id),
        json=_encoder.encode(transaction),
        identity=identity,
    )
