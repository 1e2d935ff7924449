"""Half-open intervals of index entries: low ≤ entry < high. Every comparison in a query becomes these."""

from __future__ import annotations

from typing import TypeAlias

from localcloud.firestore.scope import Entry
from localcloud.firestore.values import BOOLEAN_RANK, NUMBER_RANK, Key

AFTER = "\U0010ffff"
"""Sorts after every name order, which begins with "projects"."""

Interval: TypeAlias = tuple[Entry, Entry]

LOWEST: Entry = ()
HIGHEST: Entry = ((99,),)
EVERYTHING: list[Interval] = [(LOWEST, HIGHEST)]


def after(prefix: Entry) -> Entry:
    """The bound that lies just after every entry with the prefix."""
    return (*prefix, AFTER)


def point(key: Key) -> Interval:
    """Entries whose value equals the key."""
    return (key,), after((key,))


def less(key: Key, *, inclusive: bool) -> list[Interval]:
    """Entries of the key's own type below it; NaN is below no number."""
    lowest = (NUMBER_RANK, 1) if key[0] == NUMBER_RANK else (key[0],)
    return _unless_empty((lowest,), after((key,)) if inclusive else (key,))


def greater(key: Key, *, inclusive: bool) -> list[Interval]:
    """Entries of the key's own type above it."""
    return _unless_empty((key,) if inclusive else after((key,)), ((key[0] + 1,),))


def _unless_empty(low: Entry, high: Entry) -> list[Interval]:
    return [(low, high)] if low < high else []


def excluding(keys: list[Key]) -> list[Interval]:
    """Entries that are neither null nor one of the keys."""
    low: Entry = ((BOOLEAN_RANK,),)
    gaps: list[Interval] = []
    for key in sorted(keys):
        gaps.append((low, (key,)))
        low = after((key,))
    gaps.append((low, HIGHEST))
    return [(start, end) for start, end in gaps if start < end]


def union(intervals: list[Interval]) -> list[Interval]:
    """The same entries as sorted intervals that do not overlap."""
    merged: list[Interval] = []
    for low, high in sorted(intervals):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def intersection(one: list[Interval], other: list[Interval]) -> list[Interval]:
    """Entries in both; each argument sorted and without overlaps."""
    common: list[Interval] = []
    for low, high in one:
        for other_low, other_high in other:
            start, end = max(low, other_low), min(high, other_high)
            if start < end:
                common.append((start, end))
    return common


def contains(intervals: list[Interval], key: Key) -> bool:
    """Whether an entry with this value lies in one of the intervals."""
    entry = (key, "")
    return any(low <= entry < high for low, high in intervals)
