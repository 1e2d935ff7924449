"""A structured query, checked and made ready to run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from localcloud.firestore.errors import invalid, unimplemented
from localcloud.firestore.field_paths import NAME_FIELD, parse_field_path
from localcloud.firestore.filter_rules import check_filter
from localcloud.firestore.filters import InIntervals, Node, compile_filter, leaves
from localcloud.firestore.messages import Cursor, StructuredQuery
from localcloud.firestore.names import check_segment
from localcloud.firestore.scope import Entry
from localcloud.firestore.values import REFERENCE_RANK, name_order, value_key

_AFTER_NAME = "order by clause cannot contain more fields after the key"
_DESCENDING = StructuredQuery.Direction.DESCENDING


@dataclass(frozen=True, slots=True)
class Order:
    """One part of the sort order."""

    field: str
    is_descending: bool


@dataclass(frozen=True, slots=True)
class Bound:
    """A cursor: the keys of the first orders, and whether it lies before the documents that equal them."""

    keys: Entry
    is_before: bool


@dataclass(frozen=True, slots=True)
class Query:
    """`orders` always ends with __name__; `mask` None means whole documents; `limit` None means no limit."""

    parent: str
    collection_id: str
    all_descendants: bool
    node: Node | None
    orders: list[Order]
    start: Bound | None
    end: Bound | None
    offset: int
    limit: int | None
    mask: tuple[str, ...] | None


def compile_query(parent: str, query: StructuredQuery, *, also_ordered: Iterable[str] = ()) -> Query:
    """Refuse what production refuses; fill in the implicit orders.

    `also_ordered`: fields that the query's use needs in its index, such as an aggregation's.
    """
    if len(query.from_) != 1:
        raise unimplemented("Queries without exactly one `from` collection are not served here.")
    if query.HasField("find_nearest"):
        raise unimplemented("find_nearest (vector search) is not served here.")
    if query.offset < 0:
        raise invalid("The offset is negative.")
    if query.HasField("limit") and query.limit.value < 0:
        raise invalid("The limit is negative.")
    selector = query.from_[0]
    if selector.collection_id:
        check_segment(selector.collection_id)
    elif not selector.all_descendants:
        raise unimplemented(
            "Queries over the collections of one parent only, without an id, are not served here."
        )
    node: Node | None = None
    if query.HasField("where"):
        check_filter(query.where)
        node = compile_filter(query.where)
    orders = _orders(query, node, also_ordered)
    mask = None
    if query.HasField("select") and query.select.fields:
        mask = tuple(field.field_path for field in query.select.fields)
    return Query(
        parent=parent,
        collection_id=selector.collection_id,
        all_descendants=selector.all_descendants,
        node=node,
        orders=orders,
        start=_bound(query.start_at, orders) if query.HasField("start_at") else None,
        end=_bound(query.end_at, orders) if query.HasField("end_at") else None,
        offset=query.offset,
        limit=query.limit.value if query.HasField("limit") else None,
        mask=mask,
    )


def _orders(query: StructuredQuery, node: Node | None, also_ordered: Iterable[str]) -> list[Order]:
    """The explicit orders, then inequality fields by name, then __name__, in the last explicit direction."""
    orders = [Order(o.field.field_path, o.direction == _DESCENDING) for o in query.order_by]
    for order in orders:
        parse_field_path(order.field)
    named = {order.field for order in orders}
    if len(named) < len(orders):
        raise invalid("A field is named twice in the order of a query.")
    if NAME_FIELD in named and orders[-1].field != NAME_FIELD:
        raise invalid(_AFTER_NAME)
    last = orders[-1].is_descending if orders else False
    inequalities = _inequality_fields(node)
    implicit = sorted(inequalities - named - {NAME_FIELD}, key=parse_field_path)
    added = sorted(set(also_ordered) - named - inequalities, key=parse_field_path)
    filters_name = node is not None and any(leaf.field == NAME_FIELD for leaf in leaves(node))
    if (NAME_FIELD in named and (implicit or added)) or (filters_name and added):
        raise invalid(_AFTER_NAME)
    if NAME_FIELD in named:
        return orders
    implicit += added
    return [*orders, *(Order(field, last) for field in implicit), Order(NAME_FIELD, last)]


def _inequality_fields(node: Node | None) -> set[str]:
    compared = [leaf for leaf in leaves(node) if isinstance(leaf, InIntervals)] if node is not None else []
    inequalities = {leaf.field for leaf in compared if leaf.is_inequality}
    has_equal_name = any(leaf.field == NAME_FIELD and leaf.is_equality for leaf in compared)
    if has_equal_name and inequalities and NAME_FIELD not in inequalities:
        raise invalid(
            "Equality on key is not allowed if there are other inequality fields and key does not appear"
            " in inequalities."
        )
    return inequalities


def _bound(cursor: Cursor, orders: list[Order]) -> Bound | None:
    if not cursor.values:
        return None
    if len(cursor.values) > len(orders):
        raise invalid("Cursor has too many values.")
    keys: list[object] = []
    for value, order in zip(cursor.values, orders, strict=False):
        key = value_key(value)
        if order.field == NAME_FIELD:
            if key[0] != REFERENCE_RANK:
                raise invalid("The cursor's value for __name__ must be a document reference.")
            keys.append((REFERENCE_RANK, name_order(value.reference_value)))
        else:
            keys.append(key)
    return Bound(keys=tuple(keys), is_before=cursor.before)
