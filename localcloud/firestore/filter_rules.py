"""What production refuses in a where clause.

https://firebase.google.com/docs/firestore/query-data/queries#query_limitations
"""

from __future__ import annotations

from collections.abc import Iterator

from localcloud.firestore.errors import invalid
from localcloud.firestore.messages import Filter, StructuredQuery

DISJUNCTIONS_MAX = 30
IN_VALUES_MAX = 30
NOT_IN_VALUES_MAX = 10
FILTERS_MAX = 100

_OP = StructuredQuery.FieldFilter
_LISTS = {_OP.IN, _OP.NOT_IN, _OP.ARRAY_CONTAINS_ANY}
_COMPOSITE = StructuredQuery.CompositeFilter


def check_filter(clause: Filter) -> None:
    """Refuse a clause that production would refuse."""
    leaves = list(_leaves(clause))
    operators = [leaf.field_filter.op for leaf in leaves if leaf.WhichOneof("filter_type") == "field_filter"]
    if len(leaves) > FILTERS_MAX:
        raise invalid(f"A query holds at most {FILTERS_MAX} filters.")
    negative = [op for op in operators if op in (_OP.NOT_IN, _OP.NOT_EQUAL)]
    negative += [
        leaf.unary_filter.op
        for leaf in leaves
        if leaf.WhichOneof("filter_type") == "unary_filter"
        and leaf.unary_filter.op
        in (StructuredQuery.UnaryFilter.IS_NOT_NULL, StructuredQuery.UnaryFilter.IS_NOT_NAN)
    ]
    if len(negative) > 1:
        raise invalid(
            "Only a single 'NOT_EQUAL', 'NOT_IN', 'IS_NOT_NAN', or 'IS_NOT_NULL' filter allowed per query."
        )
    if _OP.NOT_IN in operators:
        if _OP.IN in operators or _OP.ARRAY_CONTAINS_ANY in operators:
            raise invalid("'NOT_IN' cannot be used in the same query with 'IN' or 'ARRAY_CONTAINS_ANY'.")
        if any(part.composite_filter.op == _COMPOSITE.OR for part in _composites(clause)):
            raise invalid("'NOT_IN' cannot be used in the same query with 'OR'.")
    shapes = _disjunctions(clause)
    if len(shapes) > DISJUNCTIONS_MAX:
        raise invalid(
            f"The query has {len(shapes)} disjunctions in its disjunctive normal form;"
            f" at most {DISJUNCTIONS_MAX} are allowed."
        )
    if max(shapes, default=0) > 1:
        raise invalid(
            "A maximum of 1 'ARRAY_CONTAINS' or 'ARRAY_CONTAINS_ANY' filter is allowed per disjunction."
        )


def _composites(clause: Filter) -> Iterator[Filter]:
    if clause.WhichOneof("filter_type") == "composite_filter":
        yield clause
        for part in clause.composite_filter.filters:
            yield from _composites(part)


def _leaves(clause: Filter) -> Iterator[Filter]:
    kind = clause.WhichOneof("filter_type")
    if kind == "composite_filter":
        if clause.composite_filter.op == _COMPOSITE.OPERATOR_UNSPECIFIED:
            raise invalid("A composite filter names no operator.")
        if clause.composite_filter.op == _COMPOSITE.OR and not clause.composite_filter.filters:
            raise invalid("An OR filter must hold at least one filter.")
        for part in clause.composite_filter.filters:
            yield from _leaves(part)
        return
    if kind == "field_filter":
        _check_operands(clause)
    elif kind != "unary_filter" or not clause.unary_filter.op:
        raise invalid("A filter names no operator.")
    yield clause


def _check_operands(clause: Filter) -> None:
    op, value = clause.field_filter.op, clause.field_filter.value
    if op == _OP.OPERATOR_UNSPECIFIED:
        raise invalid("A filter names no operator.")
    if op not in _LISTS:
        return
    name = _OP.Operator.Name(op)
    if value.WhichOneof("value_type") != "array_value" or not value.array_value.values:
        raise invalid(f"'{name}' requires a non-empty ArrayValue.")
    limit = NOT_IN_VALUES_MAX if op == _OP.NOT_IN else IN_VALUES_MAX
    if len(value.array_value.values) > limit:
        raise invalid(f"'{name}' supports up to {limit} comparison values.")


def _disjunctions(clause: Filter) -> list[int]:
    """One number for each conjunction of the disjunctive normal form: how many array filters it holds."""
    kind = clause.WhichOneof("filter_type")
    if kind != "composite_filter":
        op = clause.field_filter.op if kind == "field_filter" else None
        arrays = int(op in (_OP.ARRAY_CONTAINS, _OP.ARRAY_CONTAINS_ANY))
        count = (
            len(clause.field_filter.value.array_value.values) if op in (_OP.IN, _OP.ARRAY_CONTAINS_ANY) else 1
        )
        return [arrays] * count
    if clause.composite_filter.op == _COMPOSITE.OR:
        return [shape for part in clause.composite_filter.filters for shape in _disjunctions(part)]
    product = [0]
    for part in clause.composite_filter.filters:
        product = [left + right for left in product for right in _disjunctions(part)]
        if len(product) > 100 * DISJUNCTIONS_MAX:
            raise invalid(f"The query has more than {DISJUNCTIONS_MAX} disjunctions.")
    return product
