"""Which of a bank's ids can be believed in one read.

Not those that have moved from one content to another, are mere places in the list, or stand at more than one thing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import chain
from typing import Literal

from shared.domain.identities import Identity
from shared.domain.pairing import Entry, Key

Kind = Literal["external_id", "entry_reference"]
KINDS: tuple[Kind, ...] = ("external_id", "entry_reference")


class Trust:
    """Which of the bank's ids can be believed in this read."""

    def __init__(
        self,
        entries: Sequence[Entry],
        others: Sequence[Identity],
        *,
        known: Sequence[Identity],
        pending: Sequence[Identity],
    ) -> None:
        told = [entry.identity for entry in entries]
        self._moved = {kind for kind in KINDS if _wander(entries, known, pending, kind)}
        self._moved |= {kind for kind in KINDS if are_places([getattr(row, kind) for row in told])}
        self._reused: set[tuple[str, str]] = set()
        for rows in (told, others, known, pending):
            self._reused |= _reused(rows, lambda row: row.gist)
        # A text may change on the way from pending to booked, an amount hardly.
        self._reused |= _reused([*told, *others], lambda row: row.outline)
        self._reused |= _reused(chain(known, pending), lambda row: row.outline)

    def key(self, kind: Kind, *, also: Key = lambda _: None) -> Key:
        def trusted(row: Identity) -> Hashable | None:
            value: str | None = getattr(row, kind)
            if not value or kind in self._moved or (kind, value) in self._reused:
                return None
            return value, also(row)

        return trusted

    def has_id(self, row: Identity) -> bool:
        return any(self.key(kind)(row) is not None for kind in KINDS)


def _wander(
    entries: Sequence[Entry], known: Sequence[Identity], pending: Sequence[Identity], kind: Kind
) -> bool:
    """Whether ids went from one content to another, or hardly any stayed with theirs. Where one twin goes as another
    comes, with an id that is new or that it was announced with, their content alone says nothing against the ids."""
    told_now = {getattr(entry.identity, kind) for entry in entries}
    told_before = {getattr(row, kind) for row in known}
    announced = {(getattr(row, kind), row.outline) for row in pending}
    announced_ids = {name for name, _ in announced}
    stayed, moved = 0, 0
    for entry in entries:
        if entry.known is None:
            continue
        before, now = getattr(entry.known, kind), getattr(entry.identity, kind)
        if not differ(before, now):
            stayed += bool(before and now)
        elif entry.link == "moved":
            moved += 1
            was_another = now in announced_ids and (now, entry.identity.outline) not in announced
            if before in told_now or now in told_before or was_another:
                return True
    return moved > stayed


def are_places(ids: Sequence[str | None]) -> bool:
    """Whether the ids are only where each entry stands in the list."""
    return bool(ids) and all(value == str(place) for place, value in enumerate(ids, 1))


def _reused(rows: Iterable[Identity], what: Callable[[Identity], str]) -> set[tuple[str, str]]:
    """Ids under which more than one thing stands."""
    seen: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        for kind in KINDS:
            value = getattr(row, kind)
            if value:
                seen[kind, value].add(what(row))
    return {mark for mark, things in seen.items() if len(things) > 1}


def differ(one: str | None, other: str | None) -> bool:
    return bool(one and other and one != other)
