"""count, sum and average over the documents of a query."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from google.protobuf.struct_pb2 import NULL_VALUE

from localcloud.firestore.errors import invalid
from localcloud.firestore.field_paths import get_field, parse_field_path
from localcloud.firestore.messages import AggregationResult, Message, Value
from localcloud.firestore.scope import Stored
from localcloud.firestore.values import is_number, number_of

AGGREGATIONS_MAX = 5
_INTEGER_MIN, _INTEGER_MAX = -(2**63), 2**63 - 1


def aggregate(found: Sequence[Stored], aggregations: Sequence[Message]) -> AggregationResult:
    """One value for each aggregation, by its alias."""
    if not 1 <= len(aggregations) <= AGGREGATIONS_MAX:
        raise invalid(f"A query holds 1 to {AGGREGATIONS_MAX} aggregations.")
    result = AggregationResult()
    for position, aggregation in enumerate(aggregations, start=1):
        alias = aggregation.alias or f"field_{position}"
        if alias in result.aggregate_fields:
            raise invalid(f'The alias "{alias}" is used twice.')
        result.aggregate_fields[alias].CopyFrom(_value(found, aggregation))
    return result


def aggregated_fields(aggregations: Sequence[Message]) -> set[str]:
    """The fields summed or averaged; a document that lacks one of them counts for none of the aggregations."""
    fields = set()
    for aggregation in aggregations:
        kind = aggregation.WhichOneof("operator")
        if kind in ("sum", "avg"):
            fields.add(getattr(aggregation, kind).field.field_path)
    return fields


def _value(found: Sequence[Stored], aggregation: Message) -> Value:
    kind = aggregation.WhichOneof("operator")
    if kind == "count":
        up_to = aggregation.count.up_to.value if aggregation.count.HasField("up_to") else len(found)
        return Value(integer_value=min(len(found), up_to))
    if kind == "sum":
        return _sum(list(_numbers(found, aggregation.sum.field.field_path)))
    if kind == "avg":
        numbers = list(_numbers(found, aggregation.avg.field.field_path))
        return Value(double_value=sum(numbers) / len(numbers)) if numbers else Value(null_value=NULL_VALUE)
    raise invalid("An aggregation names no operator.")


def _numbers(found: Iterable[Stored], field: str) -> Iterable[int | float]:
    path = parse_field_path(field)
    for stored in found:
        value = get_field(stored.document.fields, path)
        if is_number(value):
            yield number_of(value)


def _sum(numbers: list[int | float]) -> Value:
    total = sum(numbers)
    if isinstance(total, int) and _INTEGER_MIN <= total <= _INTEGER_MAX:
        return Value(integer_value=total)
    return Value(double_value=float(total))
