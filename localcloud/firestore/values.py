"""Firestore's order of values, as Python keys that compare the same way.

https://firebase.google.com/docs/firestore/manage-data/data-types#value_type_ordering
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from google.protobuf.timestamp_pb2 import Timestamp

from localcloud.firestore.errors import invalid
from localcloud.firestore.messages import Value

Key: TypeAlias = tuple[Any, ...]

NULL_RANK, BOOLEAN_RANK, NUMBER_RANK, TIMESTAMP_RANK, STRING_RANK, BYTES_RANK = range(6)
REFERENCE_RANK, GEO_POINT_RANK, ARRAY_RANK, VECTOR_RANK, MAP_RANK = range(6, 11)

NULL_KEY: Key = (NULL_RANK,)
NAN_KEY: Key = (NUMBER_RANK, 0)

# recursive() of the client starts its scans at this numeric id, which sorts before every other id.
_LOWEST_ID = "__id-9223372036854775808__"


def name_order(name: str) -> str:
    """A string that sorts as the resource name's segments do: a/b before a-b, though "-" is less than "/"."""
    if "\0" in name:
        name = name.replace("\0", "\0\1")
    if _LOWEST_ID in name:
        name = name.replace(f"/{_LOWEST_ID}", "/")
    return name.replace("/", "\0\0")


def number_key(number: int | float) -> Key:
    """NaN before every number; -0.0, 0 and 0.0 are one."""
    return NAN_KEY if number != number else (NUMBER_RANK, 1, number)


def _map_key(value: Value) -> Key:
    fields = value.map_value.fields
    if "__type__" in fields and fields["__type__"].string_value == "__vector__":
        elements = fields["value"].array_value.values
        return (VECTOR_RANK, len(elements), tuple(value_key(element) for element in elements))
    return (MAP_RANK, tuple((name, value_key(fields[name])) for name in sorted(fields)))


def _timestamp_key(value: Value) -> Key:
    stamp = value.timestamp_value
    return (TIMESTAMP_RANK, stamp.seconds, stamp.nanos)


# Python compares str by code point, which is the order of its UTF-8 bytes.
_KEYS: dict[str | None, Callable[[Value], Key]] = {
    "null_value": lambda _value: NULL_KEY,
    "boolean_value": lambda value: (BOOLEAN_RANK, value.boolean_value),
    "integer_value": lambda value: (NUMBER_RANK, 1, value.integer_value),
    "double_value": lambda value: number_key(value.double_value),
    "timestamp_value": _timestamp_key,
    "string_value": lambda value: (STRING_RANK, value.string_value),
    "bytes_value": lambda value: (BYTES_RANK, value.bytes_value),
    "reference_value": lambda value: (REFERENCE_RANK, name_order(value.reference_value)),
    "geo_point_value": lambda value: (
        GEO_POINT_RANK,
        value.geo_point_value.latitude,
        value.geo_point_value.longitude,
    ),
    "array_value": lambda value: (ARRAY_RANK, tuple(value_key(x) for x in value.array_value.values)),
    "map_value": _map_key,
}


def value_key(value: Value) -> Key:
    """A tuple (rank of the type, …) that sorts as Firestore sorts the value."""
    kind = value.WhichOneof("value_type")
    make = _KEYS.get(kind)
    if make is None:
        raise invalid(f"Value of type {kind or 'unset'} cannot be stored or compared.")
    return make(value)


def is_number(value: Value | None) -> bool:
    """Whether the value is an integer or a double."""
    return value is not None and value.WhichOneof("value_type") in ("integer_value", "double_value")


def number_of(value: Value) -> int | float:
    """The Python number of an integer or double value."""
    if value.WhichOneof("value_type") == "integer_value":
        return int(value.integer_value)
    return float(value.double_value)


def timestamp(time_ns: int) -> Timestamp:
    """Nanoseconds since 1970 as a protobuf Timestamp."""
    return Timestamp(seconds=time_ns // 10**9, nanos=time_ns % 10**9)


def timestamp_ns(stamp: Timestamp) -> int:
    """A protobuf Timestamp as nanoseconds since 1970."""
    return stamp.seconds * 10**9 + stamp.nanos
