"""Running a query over a database: by the order's own index where it can, else by gathering and sorting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from localcloud.firestore import intervals as iv
from localcloud.firestore.database import Database
from localcloud.firestore.field_paths import NAME_FIELD
from localcloud.firestore.filters import AllOf, InIntervals
from localcloud.firestore.query import Bound, Order, Query
from localcloud.firestore.scope import Entry, Scope, Stored
from localcloud.firestore.values import Key, name_order

# Sorting what an equality leaves beats walking the order's index when it leaves this many times fewer.
_GATHER_ADVANTAGE = 16


def run_query(database: Database, query: Query) -> list[Stored]:
    """The documents in order, after offset and limit; never copies."""
    if query.limit == 0:
        return []
    end = None if query.limit is None else query.offset + query.limit
    return list(islice(_matches(database, query), query.offset, end))


def _matches(database: Database, query: Query) -> Iterator[Stored]:
    if query.all_descendants:
        scope = database.group(query.collection_id)
        prefix = name_order(f"{query.parent}/")
    else:
        scope = database.collection(f"{query.parent}/{query.collection_id}")
        prefix = ""
    first, *rest = query.orders
    node = query.node
    ranges = iv.EVERYTHING if node is None else node.bounds(first.field)
    ranges = _within_cursors(query, ranges)
    streams = not rest or (
        len(rest) == 1 and rest[0].field == NAME_FIELD and rest[0].is_descending == first.is_descending
    )
    field = _gather_field(scope, query, ranges, streams=streams)
    if field is None:
        found = _scan(scope, first, ranges)
    else:
        assert node is not None
        found = _scan(scope, Order(field, is_descending=False), node.bounds(field))
    if prefix:
        found = (stored for stored in found if stored.order.startswith(prefix))
    if node is not None:
        found = (stored for stored in found if node.matches(stored))
    return found if streams and field is None else _sorted(query, found)


def _scan(scope: Scope, order: Order, ranges: list[iv.Interval]) -> Iterator[Stored]:
    index = scope.index(order.field)
    for low, high in reversed(ranges) if order.is_descending else ranges:
        start, stop = index.bisect_left(low), index.bisect_left(high)
        for entry in index.islice(start, stop, reverse=order.is_descending):
            yield scope.documents[entry[1]]


def _count(scope: Scope, field: str, ranges: list[iv.Interval]) -> int:
    index = scope.index(field)
    return sum(index.bisect_left(high) - index.bisect_left(low) for low, high in ranges)


def _gather_field(scope: Scope, query: Query, ranges: list[iv.Interval], *, streams: bool) -> str | None:
    """The field of an equality that narrows the search far more than the order's index does."""
    parts = query.node.parts if isinstance(query.node, AllOf) else [query.node]
    narrow = [part for part in parts if isinstance(part, InIntervals) and part.is_equality]
    fields = [part.field for part in narrow if part.field != query.orders[0].field]
    if not fields:
        return None
    count, best = min((_count(scope, part.field, part.intervals), part.field) for part in narrow)
    advantage = _GATHER_ADVANTAGE if streams and query.limit is not None else 1
    if best == query.orders[0].field or count * advantage > _count(scope, query.orders[0].field, ranges):
        return None
    return best


def _within_cursors(query: Query, ranges: list[iv.Interval]) -> list[iv.Interval]:
    """Cursors as bounds on the first order's index: exact where that index is the whole order."""
    low, high = iv.LOWEST, iv.HIGHEST
    exact = len(query.orders) == 1 or (
        len(query.orders) == 2
        and query.orders[1].field == NAME_FIELD
        and query.orders[1].is_descending == query.orders[0].is_descending
    )
    for bound, is_start in ((query.start, True), (query.end, False)):
        if bound is None:
            continue
        edge = _edge(bound, query.orders, exact=exact, is_start=is_start)
        if is_start != query.orders[0].is_descending:
            low = max(low, edge)
        else:
            high = min(high, edge)
    return iv.intersection(ranges, [(low, high)])


def _edge(bound: Bound, orders: list[Order], *, exact: bool, is_start: bool) -> Entry:
    is_descending = orders[0].is_descending
    if not exact and len(bound.keys) > 1:
        # Only the first value can bound this index; documents equal to it are decided when sorted.
        return bound.keys[:1] if is_start != is_descending else iv.after(bound.keys[:1])
    keys = bound.keys
    if len(keys) == 2:
        keys = (keys[0], keys[1][1])
    return keys if bound.is_before != is_descending else iv.after(keys)


def _sorted(query: Query, found: Iterator[Stored]) -> Iterator[Stored]:
    keyed: list[tuple[list[Key], Stored]] = []
    for stored in found:
        keys = [key for order in query.orders if (key := stored.key(order.field)) is not None]
        if len(keys) == len(query.orders) and between_cursors(query, keys):
            keyed.append((keys, stored))
    for position in reversed(range(len(query.orders))):
        keyed.sort(key=lambda pair: pair[0][position], reverse=query.orders[position].is_descending)
    return (stored for _, stored in keyed)


def between_cursors(query: Query, keys: Sequence[Key]) -> bool:
    """Whether a document with these keys of the orders lies between the query's cursors."""
    if query.start is not None:
        side = _side(query.start, query.orders, keys)
        if side < 0 or (side == 0 and not query.start.is_before):
            return False
    if query.end is not None:
        side = _side(query.end, query.orders, keys)
        if side > 0 or (side == 0 and query.end.is_before):
            return False
    return True


def _side(bound: Bound, orders: list[Order], keys: Sequence[Key]) -> int:
    """-1: the document sorts before the cursor's values, 0: equals them, 1: after."""
    for wanted, key, order in zip(bound.keys, keys, orders, strict=False):
        if key != wanted:
            return -1 if (key < wanted) != order.is_descending else 1
    return 0
