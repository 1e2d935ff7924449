"""The where clause as a tree that can test a document and bound the scan of an index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from localcloud.firestore import intervals as iv
from localcloud.firestore.errors import invalid
from localcloud.firestore.field_paths import NAME_FIELD, parse_field_path
from localcloud.firestore.messages import Filter, StructuredQuery, Value
from localcloud.firestore.scope import Stored
from localcloud.firestore.values import ARRAY_RANK, NAN_KEY, NULL_KEY, REFERENCE_RANK, Key, value_key

_FIELD_OP = StructuredQuery.FieldFilter
_UNARY_OP = StructuredQuery.UnaryFilter
_OR = StructuredQuery.CompositeFilter.OR
# IS_NULL, IS_NAN and their opposites find these; by comparison they equal nothing, not even themselves.
_INCOMPARABLE = frozenset({NULL_KEY, NAN_KEY})
_INEQUALITIES = {
    _FIELD_OP.LESS_THAN,
    _FIELD_OP.LESS_THAN_OR_EQUAL,
    _FIELD_OP.GREATER_THAN,
    _FIELD_OP.GREATER_THAN_OR_EQUAL,
    _FIELD_OP.NOT_EQUAL,
    _FIELD_OP.NOT_IN,
}


@dataclass(frozen=True, slots=True)
class InIntervals:
    """The field's value lies in the intervals."""

    field: str
    intervals: list[iv.Interval]
    is_inequality: bool
    is_equality: bool

    def matches(self, stored: Stored) -> bool:
        """Whether the document passes."""
        key = stored.key(self.field)
        return key is not None and iv.contains(self.intervals, key)

    def bounds(self, field: str) -> list[iv.Interval]:
        """Where in the field's index every passing document lies."""
        return self.intervals if field == self.field else iv.EVERYTHING


@dataclass(frozen=True, slots=True)
class ArrayContains:
    """The field is an array that holds one of the values."""

    field: str
    keys: frozenset[Key]

    def matches(self, stored: Stored) -> bool:
        """Whether the document passes."""
        key = stored.key(self.field)
        return key is not None and key[0] == ARRAY_RANK and not self.keys.isdisjoint(key[1])

    def bounds(self, field: str) -> list[iv.Interval]:
        """Arrays sort together, after most other types."""
        return [(((ARRAY_RANK,),), ((ARRAY_RANK + 1,),))] if field == self.field else iv.EVERYTHING


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part passes."""

    parts: list[Node]

    def matches(self, stored: Stored) -> bool:
        """Whether the document passes."""
        return all(part.matches(stored) for part in self.parts)

    def bounds(self, field: str) -> list[iv.Interval]:
        """The entries that every part allows."""
        common = iv.EVERYTHING
        for part in self.parts:
            common = iv.intersection(common, part.bounds(field))
        return common


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One part at least passes."""

    parts: list[Node]

    def matches(self, stored: Stored) -> bool:
        """Whether the document passes."""
        return any(part.matches(stored) for part in self.parts)

    def bounds(self, field: str) -> list[iv.Interval]:
        """The entries that some part allows."""
        return iv.union([interval for part in self.parts for interval in part.bounds(field)])


Leaf: TypeAlias = InIntervals | ArrayContains
Node: TypeAlias = InIntervals | ArrayContains | AllOf | AnyOf


def leaves(node: Node) -> Iterator[Leaf]:
    """Every comparison in the tree."""
    if isinstance(node, AllOf | AnyOf):
        for part in node.parts:
            yield from leaves(part)
    else:
        yield node


def compile_filter(clause: Filter) -> Node:
    """The tree of a where clause whose shape filter_rules has accepted."""
    kind = clause.WhichOneof("filter_type")
    if kind == "composite_filter":
        parts = [compile_filter(part) for part in clause.composite_filter.filters]
        return AnyOf(parts) if clause.composite_filter.op == _OR else AllOf(parts)
    if kind == "unary_filter":
        return _unary(clause.unary_filter.field.field_path, clause.unary_filter.op)
    comparison = clause.field_filter
    return _field(comparison.field.field_path, comparison.op, comparison.value)


def _unary(field: str, op: int) -> InIntervals:
    parse_field_path(field)
    if op in (_UNARY_OP.IS_NULL, _UNARY_OP.IS_NAN):
        key = NULL_KEY if op == _UNARY_OP.IS_NULL else NAN_KEY
        return InIntervals(field, [iv.point(key)], is_inequality=False, is_equality=True)
    excluded = [NAN_KEY] if op == _UNARY_OP.IS_NOT_NAN else []
    return InIntervals(field, iv.excluding(excluded), is_inequality=True, is_equality=False)


def _field(field: str, op: int, value: Value) -> Leaf:
    parse_field_path(field)
    if op in (_FIELD_OP.ARRAY_CONTAINS, _FIELD_OP.ARRAY_CONTAINS_ANY):
        if field == NAME_FIELD:
            raise invalid("__name__ is not an array.")
        operands = [value] if op == _FIELD_OP.ARRAY_CONTAINS else list(value.array_value.values)
        return ArrayContains(field, frozenset(value_key(operand) for operand in operands) - _INCOMPARABLE)
    several = op in (_FIELD_OP.IN, _FIELD_OP.NOT_IN)
    keys = [value_key(operand) for operand in (value.array_value.values if several else [value])]
    if field == NAME_FIELD and any(key[0] != REFERENCE_RANK for key in keys):
        raise invalid("__key__ filter value must be a Key: compare __name__ with document references.")
    comparable = [key for key in keys if key not in _INCOMPARABLE]
    if op in (_FIELD_OP.NOT_EQUAL, _FIELD_OP.NOT_IN):
        found = [] if NULL_KEY in keys else iv.excluding(comparable)
        # A filter that compares with null alone asks for no order either.
        return InIntervals(field, found, is_inequality=several or NULL_KEY not in keys, is_equality=False)
    return InIntervals(
        field,
        _intervals(op, comparable),
        is_inequality=op in _INEQUALITIES and bool(comparable),
        is_equality=op in (_FIELD_OP.EQUAL, _FIELD_OP.IN),
    )


def _intervals(op: int, keys: list[Key]) -> list[iv.Interval]:
    if op in (_FIELD_OP.EQUAL, _FIELD_OP.IN):
        return iv.union([iv.point(key) for key in keys])
    if not keys:
        return []
    inclusive = op in (_FIELD_OP.LESS_THAN_OR_EQUAL, _FIELD_OP.GREATER_THAN_OR_EQUAL)
    if op in (_FIELD_OP.LESS_THAN, _FIELD_OP.LESS_THAN_OR_EQUAL):
        return iv.less(keys[0], inclusive=inclusive)
    return iv.greater(keys[0], inclusive=inclusive)
