"""Requests that production's rules allow or refuse, each with the status it gets. `{root}` is a fresh database's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from localcloud.firestore.messages import StructuredQuery, Value, request_class

MIB = 1_048_576
_OP = StructuredQuery.FieldFilter
_AND, _OR = 1, 2


class Case(NamedTuple):
    """`make` is given the database's documents root. `is_stricter`: production refuses, Google's emulator does not."""

    id: str
    method: str
    make: Callable[[str], Any]
    status: str
    is_stricter: bool = False


def _put(path: str, **fields: Any) -> Callable[[str], Any]:
    def make(root: str) -> Any:
        request = request_class("Commit")(database=root.removesuffix("/documents"))
        write = request.writes.add()
        write.update.name = f"{root}/{path}"
        for name, value in fields.items():
            write.update.fields[name].CopyFrom(value)
        return request

    return make


def _text(text: str) -> Any:
    return Value(string_value=text)


def _size(extra_bytes: int) -> Callable[[str], Any]:
    """c/d with fields a and b: 2 + 2 + 16 for the name, 2 + 2 for the fields' names, 32 for the document."""
    half = MIB // 2
    return _put(
        "c/d", a=Value(bytes_value=b"x" * half), b=Value(bytes_value=b"x" * (half - 56 + extra_bytes))
    )


def _nested(depth: int) -> Any:
    value = Value(integer_value=1)
    for _ in range(depth):
        outer = Value()
        outer.map_value.fields["m"].CopyFrom(value)
        value = outer
    return value


def _list(length: int) -> Any:
    value = Value()
    value.array_value.SetInParent()
    value.array_value.values.extend(Value(integer_value=number) for number in range(length))
    return value


def _list_in_list() -> Any:
    value = Value()
    value.array_value.values.add().CopyFrom(_list(1))
    return value


def leaf(field: str, op: int, value: Any) -> Any:
    found = StructuredQuery.Filter()
    found.field_filter.field.field_path = field
    found.field_filter.op = op
    found.field_filter.value.CopyFrom(value)
    return found


def both(*parts: Any, op: int = _AND) -> Any:
    found = StructuredQuery.Filter()
    found.composite_filter.op = op
    found.composite_filter.filters.extend(parts)
    return found


def _where(clause: Any) -> Callable[[str], Any]:
    def make(root: str) -> Any:
        request = request_class("RunQuery")(parent=root)
        request.structured_query.from_.add(collection_id="c")
        request.structured_query.where.CopyFrom(clause)
        return request

    return make


def _query(**parts: Any) -> Callable[[str], Any]:
    def make(root: str) -> Any:
        request = request_class("RunQuery")(parent=root, structured_query=parts)
        request.structured_query.from_.add(collection_id="c")
        return request

    return make


def _order(field: str) -> dict[str, Any]:
    return {"field": {"field_path": field}, "direction": 1}


def cases() -> Iterator[Case]:
    yield from _documents()
    yield from _queries()


def _documents() -> Iterator[Case]:
    refused = "INVALID_ARGUMENT"
    yield Case("document-of-1-mib", "Commit", _size(0), "OK")
    yield Case("document-over-1-mib", "Commit", _size(1), refused)
    value_max = MIB - 89
    yield Case("value-of-1-mib-less-89", "Commit", _put("c/d", a=Value(bytes_value=b"x" * value_max)), "OK")
    too_long = Value(bytes_value=b"x" * (value_max + 1))
    yield Case("value-over-1-mib-less-89", "Commit", _put("c/d", a=too_long), refused)
    yield Case("id-dot", "Commit", _put("c/."), refused)
    yield Case("id-dots", "Commit", _put("c/.."), refused)
    yield Case("id-reserved", "Commit", _put("c/__d__"), refused)
    yield Case("id-almost-reserved", "Commit", _put("c/__d"), "OK")
    yield Case("id-empty", "Commit", _put("c/"), refused)
    yield Case("id-1500-bytes", "Commit", _put("c/" + "č" * 750), "OK")
    yield Case("id-1501-bytes", "Commit", _put("c/a" + "č" * 750), refused)
    yield Case("collection-reserved", "Commit", _put("__c__/d"), refused)
    yield Case("name-of-a-collection", "Commit", _put("c"), refused)
    yield Case("depth-20", "Commit", _put("c/d", m=_nested(20)), "OK")
    yield Case("depth-over-20", "Commit", _put("c/d", m=_nested(21)), refused)
    yield Case("list-in-list", "Commit", _put("c/d", a=_list_in_list()), refused)
    yield Case("field-reserved", "Commit", _put("c/d", __f__=_text("x")), refused)
    yield Case("field-empty", "Commit", _put("c/d", **{"": _text("x")}), refused)
    yield Case("field-any-characters", "Commit", _put("c/d", **{"a.b `č": _text("x")}), "OK")
    yield Case("field-1500-bytes", "Commit", _put("c/d", **{"f" * 1500: _text("x")}), "OK")
    yield Case("field-1501-bytes", "Commit", _put("c/d", **{"f" * 1501: _text("x")}), refused)
    yield Case("value-unset", "Commit", _put("c/d", a=Value()), refused)


def _queries() -> Iterator[Case]:
    refused = "INVALID_ARGUMENT"
    one = Value(integer_value=1)
    negative = leaf("a", _OP.NOT_EQUAL, one)
    for op, name, limit in (
        (_OP.IN, "in", 30),
        (_OP.NOT_IN, "not-in", 10),
        (_OP.ARRAY_CONTAINS_ANY, "any", 30),
    ):
        yield Case(f"{name}-{limit}", "RunQuery", _where(leaf("a", op, _list(limit))), "OK")
        yield Case(f"{name}-{limit + 1}", "RunQuery", _where(leaf("a", op, _list(limit + 1))), refused)
        yield Case(f"{name}-empty", "RunQuery", _where(leaf("a", op, _list(0))), refused)
        yield Case(f"{name}-no-list", "RunQuery", _where(leaf("a", op, one)), refused)
    two_ins = both(leaf("a", _OP.IN, _list(5)), leaf("b", _OP.IN, _list(6)))
    yield Case("dnf-30", "RunQuery", _where(two_ins), "OK")
    three_ins = both(leaf("a", _OP.IN, _list(4)), leaf("b", _OP.IN, _list(8)))
    yield Case("dnf-32", "RunQuery", _where(three_ins), refused)
    yield Case("two-not-equal", "RunQuery", _where(both(negative, leaf("b", _OP.NOT_EQUAL, one))), refused)
    mixed = both(negative, leaf("a", _OP.NOT_IN, _list(2)))
    yield Case("not-equal-and-not-in", "RunQuery", _where(mixed), refused)
    yield Case(
        "not-in-and-in",
        "RunQuery",
        _where(both(leaf("a", _OP.NOT_IN, _list(2)), leaf("b", _OP.IN, _list(2)))),
        refused,
    )
    yield Case(
        "not-in-and-or",
        "RunQuery",
        _where(both(leaf("a", _OP.NOT_IN, _list(2)), leaf("b", _OP.EQUAL, one), op=_OR)),
        refused,
    )
    contains = leaf("a", _OP.ARRAY_CONTAINS, one)
    yield Case("two-array-contains", "RunQuery", _where(both(contains, contains)), refused, is_stricter=True)
    yield Case("two-array-contains-in-or", "RunQuery", _where(both(contains, contains, op=_OR)), "OK")
    ranges = both(leaf("a", _OP.GREATER_THAN, one), leaf("b", _OP.LESS_THAN, one))
    yield Case("inequalities-on-two-fields", "RunQuery", _where(ranges), "OK")
    yield Case("composite-empty", "RunQuery", _where(both()), "OK")
    yield Case("or-empty", "RunQuery", _where(both(op=_OR)), refused)
    yield Case(
        "name-compared-with-text", "RunQuery", _where(leaf("__name__", _OP.EQUAL, _text("d"))), refused
    )
    yield Case("limit-negative", "RunQuery", _query(limit={"value": -1}), refused)
    yield Case("offset-negative", "RunQuery", _query(offset=-1), refused)
    yield Case("order-twice", "RunQuery", _query(order_by=[_order("a"), _order("a")]), refused)
    yield Case("order-after-name", "RunQuery", _query(order_by=[_order("__name__"), _order("a")]), refused)
    yield Case(
        "cursor-too-long",
        "RunQuery",
        _query(order_by=[_order("a")], start_at={"values": [one, one, one]}),
        refused,
    )
    yield Case(
        "cursor-name-no-reference",
        "RunQuery",
        _query(order_by=[_order("__name__")], start_at={"values": [one]}),
        refused,
    )
    yield Case("cursor-without-values", "RunQuery", _query(start_at={"before": True}), "OK")
    yield Case("limit-zero", "RunQuery", _query(limit={"value": 0}), "OK")
    yield Case("field-path-invalid", "RunQuery", _query(order_by=[_order("a..b")]), refused)
