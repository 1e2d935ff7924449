"""How fetched entries are paired with stored rows: by one key after another, each taking out what it has paired."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from datetime import date
from typing import Literal

from shared.domain.bank_data import BankTransaction
from shared.domain.identities import Identity, identify

Link = Literal["same", "exact", "moved", "high", "low"]
"""moved: the same content under another id of the bank's."""

Key = Callable[[Identity], Hashable | None]


class Entry:
    """One fetched entry, and what it turns out to be."""

    def __init__(self, told: BankTransaction, *, seen_on: date) -> None:
        self.told = told
        self.is_dated = told.booking_date is not None or told.value_date is not None
        self.identity = identify(told, seen_on=seen_on)
        self.known: Identity | None = None
        self.link: Link = "same"


def pair(
    entries: Iterable[Entry],
    pool: list[Identity],
    key_of: Key,
    *,
    link: Link,
    fits: Callable[[Identity, Identity], bool] = lambda _, __: True,
) -> None:
    """Pair what is still unpaired on both sides by its key, in order, and take it out of `pool`."""
    by_key: dict[Hashable, list[Identity]] = defaultdict(list)
    for candidate in pool:
        key = key_of(candidate)
        if key is not None:
            by_key[key].append(candidate)
    paired: set[str] = set()
    for entry in entries:
        if entry.known is not None:
            continue
        key = key_of(entry.identity)
        if key is None:
            continue
        for candidate in by_key.get(key, ()):
            if fits(entry.identity, candidate):
                entry.known, entry.link = candidate, link
                by_key[key].remove(candidate)
                paired.add(candidate.transaction_id)
                break
    pool[:] = [candidate for candidate in pool if candidate.transaction_id not in paired]
