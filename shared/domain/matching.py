"""Which transaction is which: the same one met again keeps its id, genuine twins stay two.

Banks identify their entries well, badly or not at all (ids missing, reused, changed on booking). An entry is
known by, in this order: the bank's transaction id, its entry reference, its content. Content alone cannot
tell twins apart, so what looks the same within one window is also counted: the second is the second.
The window must hold whole days, so that the count does not depend on where it starts.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, timedelta

import msgspec

from shared.domain.bank_data import BankTransaction
from shared.domain.ids import derived_id

PENDING_TO_BOOKED_DAYS_MAX = 14
"""How long after it was first seen pending an entry may still be recognised by its content when booked."""

_Key = tuple[str, str]


class Identity(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What is kept beside each stored row to know it again."""

    transaction_id: str
    external_id: str | None
    entry_reference: str | None
    content: str
    """Hash of everything that a client sees of it."""
    outline: str
    """Amount, currency and direction: what survives a change of text or date."""
    day: date
    """Booking date; for a pending one without dates, the day it was first seen."""
    raw_hash: str


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
    listed: AbstractSet[str] = frozenset(),
    taken: AbstractSet[str] = frozenset(),
    seen_on: date,
) -> list[Match]:
    """One Match for each distinct entry of `fetched`, in its order.

    `known` are the stored rows of the same status in the window; `pending` are the stored pending rows, which
    booked entries may continue. Of those, `listed` are the ids that the bank still lists as pending: nothing but the
    bank's own id makes a booked entry their continuation. `taken` are other ids that no new entry may get.
    `seen_on` dates pending entries that have no date.
    """
    entries = _without_repeats(fetched)
    identities = [_identify(entry, seen_on=seen_on) for entry in entries]
    found: list[Identity | None] = [None] * len(entries)
    booked_pool, pending_pool = list(known), list(pending)
    by_the_banks_id = (_by_external_id_and_content, _by_external_id, _by_entry_reference)
    for key_of in (*by_the_banks_id, _by_content):
        _pair(identities, found, booked_pool, key_of=key_of)
    for key_of in by_the_banks_id:
        _pair(identities, found, pending_pool, key_of=key_of)
    pending_pool = [waiting for waiting in pending_pool if waiting.transaction_id not in listed]
    _pair(identities, found, pending_pool, key_of=_by_content)
    _pair(identities, found, booked_pool, key_of=_by_day_and_outline, both_without_ids=True)
    _continue_pending(identities, found, pending_pool)

    used = {identity.transaction_id for identity in (*known, *pending)} | taken
    matches = []
    for entry, identity, previous in zip(entries, identities, found, strict=True):
        transaction_id = previous.transaction_id if previous else _unused_id(account_id, identity, taken=used)
        used.add(transaction_id)
        matches.append(
            Match(
                transaction=entry,
                identity=msgspec.structs.replace(identity, transaction_id=transaction_id),
                known=previous,
            )
        )
    return matches


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


def _identify(entry: BankTransaction, *, seen_on: date) -> Identity:
    day = entry.booking_date or entry.value_date or seen_on
    outline = f"{entry.amount.normalize():f}|{entry.currency}|{entry.direction}"
    content = "\x1f".join(
        part or ""
        for part in (
            entry.booking_date.isoformat() if entry.booking_date else None,
            entry.value_date.isoformat() if entry.value_date else None,
            outline,
            entry.creditor_name,
            entry.creditor_iban,
            entry.debtor_name,
            entry.debtor_iban,
            entry.remittance_info,
            entry.end_to_end_id,
            f"{entry.balance_after:f}" if entry.balance_after is not None else None,
        )
    )
    return Identity(
        transaction_id="",
        external_id=entry.external_id,
        entry_reference=entry.entry_reference,
        content=hashlib.sha256(content.encode()).hexdigest()[:32],
        outline=outline,
        day=day,
        raw_hash=entry.raw_hash,
    )


def _pair(
    identities: Sequence[Identity],
    found: list[Identity | None],
    pool: list[Identity],
    *,
    key_of: Callable[[Identity], Hashable | None],
    both_without_ids: bool = False,
) -> None:
    """Pair what is still unpaired on both sides by `key_of`, in order, and take it out of `pool`."""
    waiting: dict[Hashable, list[Identity]] = defaultdict(list)
    for candidate in pool:
        key = key_of(candidate)
        if key is not None and not (both_without_ids and _has_id(candidate)):
            waiting[key].append(candidate)
    paired: set[str] = set()
    for position, identity in enumerate(identities):
        if found[position] is not None or (both_without_ids and _has_id(identity)):
            continue
        key = key_of(identity)
        if key is not None and waiting.get(key):
            previous = waiting[key].pop(0)
            found[position] = previous
            paired.add(previous.transaction_id)
    pool[:] = [candidate for candidate in pool if candidate.transaction_id not in paired]


def _continue_pending(
    identities: Sequence[Identity], found: list[Identity | None], pool: list[Identity]
) -> None:
    """A booked entry whose id and text changed continues the one pending row that it can be, if just one."""
    for position, identity in enumerate(identities):
        if found[position] is not None:
            continue
        candidates = [
            waiting
            for waiting in pool
            if waiting.outline == identity.outline
            and abs(identity.day - waiting.day) <= timedelta(days=PENDING_TO_BOOKED_DAYS_MAX)
        ]
        rivals = [
            other
            for rank, other in enumerate(identities)
            if found[rank] is None and other.outline == identity.outline
        ]
        if len(candidates) == 1 and len(rivals) == 1:
            found[position] = candidates[0]
            pool.remove(candidates[0])


def _unused_id(account_id: str, identity: Identity, *, taken: set[str]) -> str:
    """The first free one in a fixed sequence, so that two workers, or two runs, choose the same ids."""
    kind, value = _strongest(identity)
    occurrence = 0
    while True:
        candidate = derived_id("txn", account_id, kind, value, str(occurrence), on=identity.day)
        if candidate not in taken:
            return candidate
        occurrence += 1


def _strongest(identity: Identity) -> _Key:
    if identity.external_id:
        return "externalId", identity.external_id
    if identity.entry_reference:
        return "entryReference", identity.entry_reference
    return "content", identity.content


def _has_id(identity: Identity) -> bool:
    return bool(identity.external_id or identity.entry_reference)


def _by_external_id_and_content(identity: Identity) -> Hashable | None:
    return (identity.external_id, identity.content) if identity.external_id else None


def _by_external_id(identity: Identity) -> Hashable | None:
    return identity.external_id


def _by_entry_reference(identity: Identity) -> Hashable | None:
    return identity.entry_reference


def _by_content(identity: Identity) -> Hashable | None:
    return identity.content if not _has_id(identity) else None


def _by_day_and_outline(identity: Identity) -> Hashable | None:
    return identity.day, identity.outline
