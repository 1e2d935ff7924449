"""Which transaction is which: the same one met again keeps its id, genuine twins stay two.

Banks identify their entries well, badly or not at all: ids are missing, reused for another entry, mere places in the
list, or other ones once booked. So a bank's id is believed where nothing contradicts it. Where an entry's content is
found again under another id, the content is believed, and the ids of that read are not. An id alone makes an entry
with other content a correction of the known one only where ids can be trusted.

Content cannot tell twins apart, so what looks the same is also counted: the second is the second. The entries must be
those of whole days, so that the count does not depend on where they start.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, timedelta

import msgspec

from shared.domain.bank_data import BankTransaction
from shared.domain.id_trust import KINDS, Kind, Trust, are_places, differ
from shared.domain.identities import (
    Confidence,
    Identity,
    by_content,
    by_entry_reference_and_content,
    by_entry_reference_and_gist,
    by_external_id_and_content,
    by_external_id_and_gist,
    by_ids_and_content,
    by_ids_content_and_balance,
    identify,
    strongest,
)
from shared.domain.ids import derived_id
from shared.domain.pairing import Entry, pair

PENDING_TO_BOOKED_DAYS_MAX = 14
"""How long after it was first seen pending an entry may still be recognised by its content when booked."""

_DOUBT: dict[str, int] = {"same": 0, "exact": 0, "moved": 1, "high": 1, "low": 2}
_NEAR = timedelta(days=PENDING_TO_BOOKED_DAYS_MAX)


class Match(msgspec.Struct, frozen=True, kw_only=True):
    transaction: BankTransaction
    identity: Identity
    known: Identity | None
    """What it was before; None when it is new."""

    @property
    def is_unchanged(self) -> bool:
        return self.known == self.identity


def match(
    account_id: str,
    fetched: Sequence[BankTransaction],
    *,
    known: Sequence[Identity],
    pending: Sequence[Identity] = (),
    gone: Sequence[Identity] = (),
    gone_pending: Sequence[Identity] = (),
    listed: AbstractSet[str] = frozenset(),
    taken: AbstractSet[str] = frozenset(),
    others: Sequence[BankTransaction] = (),
    since: date = date.min,
    seen_on: date,
) -> list[Match]:
    """One Match for each distinct entry of `fetched`, in its order.

    `known` are the stored rows of the same status, those before `since` only to be recognised unchanged; `pending`
    are the stored pending rows, which booked entries may continue. Of those, `listed` are the ids that the bank still
    lists as pending: nothing but the bank's own id makes a booked entry their continuation. `gone` and `gone_pending`
    are removed rows, which come back under their old ids. `taken` are other ids that no new entry may get. `others`
    are the entries of the other status in the same read. `seen_on` dates pending entries that have no date.
    """
    entries = [Entry(told, seen_on=seen_on) for told in _without_repeats(fetched)]
    pool, waiting = list(known), list(pending)
    pair(entries, pool, by_ids_content_and_balance, link="same")
    pair(entries, pool, by_ids_and_content, link="same")
    pair(entries, pool, by_external_id_and_content, link="exact")
    pair(entries, pool, by_entry_reference_and_content, link="exact")
    pair(entries, pool, by_content, link="moved")
    told_apart = [identify(told, seen_on=seen_on) for told in others]
    trust = Trust(entries, told_apart, known=known, pending=pending)
    _pair_corrected(entries, pool, trust, since=since)
    _continue_pending(entries, waiting, trust, listed=listed)
    _pair_changed_texts(entries, pool, trust)
    _continue_by_outline(entries, waiting, listed=listed)
    _continue_with_another_amount(entries, waiting, trust)
    if fetched and fetched[0].status == "pending":
        _continue_by_outline(entries, pool, listed=frozenset())
    _bring_back(entries, list(gone), trust)
    vanished = list(gone_pending)
    _continue_pending(entries, vanished, trust, listed=frozenset())
    _continue_by_outline(entries, vanished, listed=frozenset())

    used = {row.transaction_id for rows in (known, pending, gone, gone_pending) for row in rows} | taken
    matches = []
    for entry in entries:
        if entry.known is not None:
            matches.append(_recognised(entry, entry.known))
            continue
        transaction_id = _unused_id(account_id, entry.identity, taken=used)
        used.add(transaction_id)
        identity = msgspec.structs.replace(entry.identity, transaction_id=transaction_id)
        matches.append(Match(transaction=entry.told, identity=identity, known=None))
    return matches


def without_booked(waiting: Sequence[Match], booked: Sequence[Match]) -> list[Match]:
    """Of pending entries those that the same read does not tell as booked too, as it does while they are booked.

    The text may have changed; an id that is reused stands beside another amount, and one that is but a place in the
    list says nothing.
    """
    kinds = [
        kind
        for kind in KINDS
        if not any(
            are_places([getattr(found.identity, kind) for found in matches]) for matches in (waiting, booked)
        )
    ]
    marks: set[Hashable] = set()
    for found in booked:
        marks |= _marks(found, kinds)
    return [found for found in waiting if not _marks(found, kinds) & marks]


def _marks(found: Match, kinds: Sequence[Kind]) -> set[Hashable]:
    row = found.identity
    marks: set[Hashable] = {(kind, getattr(row, kind), row.outline) for kind in kinds if getattr(row, kind)}
    return marks if found.known is None else {row.transaction_id, *marks}


def _pair_corrected(entries: Sequence[Entry], pool: list[Identity], trust: Trust, *, since: date) -> None:
    """The same id with another text, value date, day or amount. An id may be reused after what the bank still tells."""

    def is_correction(entry: Identity, known: Identity) -> bool:
        return known.day >= since and (entry.outline == known.outline or entry.day == known.day)

    pair(entries, pool, trust.key("external_id"), link="exact", fits=is_correction)
    pair(
        entries,
        pool,
        trust.key("entry_reference"),
        link="exact",
        fits=lambda entry, known: (
            is_correction(entry, known) and not differ(entry.external_id, known.external_id)
        ),
    )


def _continue_pending(
    entries: Sequence[Entry], pool: list[Identity], trust: Trust, *, listed: AbstractSet[str]
) -> None:
    pair(entries, pool, by_external_id_and_gist, link="exact")
    pair(entries, pool, by_entry_reference_and_gist, link="exact")
    still = [row for row in pool if row.transaction_id in listed]
    unlisted = [row for row in pool if row.transaction_id not in listed]
    pair(entries, unlisted, lambda row: row.gist, link="high", fits=_are_near)
    pool[:] = [*still, *unlisted]
    for kind in KINDS:
        pair(entries, pool, trust.key(kind, also=lambda row: row.outline), link="exact")


def _continue_with_another_amount(entries: Sequence[Entry], pool: list[Identity], trust: Trust) -> None:
    for kind in KINDS:
        pair(entries, pool, trust.key(kind), link="exact", fits=_have_one_direction)


def _pair_changed_texts(entries: Sequence[Entry], pool: list[Identity], trust: Trust) -> None:
    """Without ids to believe, one amount on one day is one entry whose text changed."""

    def key_of(row: Identity) -> Hashable | None:
        return None if trust.has_id(row) else (row.day, row.outline)

    pair(entries, pool, key_of, link="low")


def _continue_by_outline(entries: Sequence[Entry], pool: list[Identity], *, listed: AbstractSet[str]) -> None:
    """An entry whose id and text changed continues the one row that it can be, if it alone can be that one; of twins,
    any."""
    by_outline: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.known is None:
            by_outline[entry.identity.outline].append(entry)
    for outline, rivals in by_outline.items():
        candidates = [row for row in pool if row.outline == outline and row.transaction_id not in listed]
        for entry in rivals:
            near = [row for row in candidates if _are_near(entry.identity, row)]
            if len(near) == 1 and sum(_are_near(rival.identity, near[0]) for rival in rivals) == 1:
                entry.known, entry.link = near[0], "low"
                pool.remove(near[0])
                candidates.remove(near[0])
        _continue_twins([entry for entry in rivals if entry.known is None], candidates, pool)


def _continue_twins(rivals: Sequence[Entry], candidates: Sequence[Identity], pool: list[Identity]) -> None:
    """Twins that changed are twins still: any may be any, as long as none of them can be something else."""
    if not rivals or len(rivals) > len(candidates):
        return
    if len({entry.identity.gist for entry in rivals}) > 1 or len({row.gist for row in candidates}) > 1:
        return
    if all(_are_near(entry.identity, row) for entry in rivals for row in candidates):
        for entry, row in zip(rivals, candidates, strict=False):
            entry.known, entry.link = row, "low"
            pool.remove(row)


def _bring_back(entries: Sequence[Entry], pool: list[Identity], trust: Trust) -> None:
    pair(entries, pool, by_ids_and_content, link="same")
    pair(entries, pool, by_content, link="moved")
    trusted = trust.key("external_id")
    pair(entries, pool, trusted, link="exact", fits=lambda one, other: one.outline == other.outline)


def _recognised(entry: Entry, known: Identity) -> Match:
    """With the known id. Content under another id than before keeps the first one: the new one means nothing."""
    told, identity = entry.told, entry.identity
    if entry.link == "moved":
        told = msgspec.structs.replace(
            told,
            external_id=known.external_id or told.external_id,
            entry_reference=known.entry_reference or told.entry_reference,
        )
    confidence: Confidence = known.confidence
    if _DOUBT[entry.link] > _DOUBT[confidence]:
        confidence = "low" if entry.link == "low" else "high"
    identity = msgspec.structs.replace(
        identity,
        transaction_id=known.transaction_id,
        external_id=told.external_id,
        entry_reference=told.entry_reference,
        day=identity.day if entry.is_dated else known.day,
        confidence=confidence,
    )
    if msgspec.structs.replace(identity, raw_hash=known.raw_hash) == known:
        identity = known
    return Match(transaction=told, identity=identity, known=known)


def _without_repeats(fetched: Sequence[BankTransaction]) -> list[BankTransaction]:
    """A row that a shifting page shows twice is one, when the bank's own id says so."""
    seen: set[tuple[str | None, str | None, str]] = set()
    distinct = []
    for entry in fetched:
        if entry.external_id or entry.entry_reference:
            mark = (entry.external_id, entry.entry_reference, entry.raw_hash)
            if mark in seen:
                continue
            seen.add(mark)
        distinct.append(entry)
    return distinct


def _unused_id(account_id: str, identity: Identity, *, taken: set[str]) -> str:
    """The first free one in a fixed sequence, so that two workers, or two runs, choose the same ids."""
    kind, value = strongest(identity)
    occurrence = 0
    while True:
        candidate = derived_id("txn", account_id, kind, value, str(occurrence), on=identity.day)
        if candidate not in taken:
            return candidate
        occurrence += 1


def _are_near(one: Identity, other: Identity) -> bool:
    return abs(one.day - other.day) <= _NEAR


def _have_one_direction(one: Identity, other: Identity) -> bool:
    """What was announced may be booked with another amount: a tip, a hotel's or a petrol pump's guess."""
    return one.outline.partition("|")[2] == other.outline.partition("|")[2] and _are_near(one, other)
