"""The Firestore client, doing the same with less: a million deliveries are mostly its own object layer.

Replaced are pure functions (values to protobuf, field paths, copies of plain data), by others of the same results:
test_fast_client.py holds them against each other.
"""

from __future__ import annotations

import functools
from contextlib import ExitStack
from datetime import datetime
from typing import Any
from unittest import mock

from google.cloud.firestore_v1 import _helpers, base_document, field_path
from google.cloud.firestore_v1.types import document
from google.protobuf.struct_pb2 import NULL_VALUE

_Value: Any = document.Value.pb()
_MapValue: Any = document.MapValue.pb()
_ArrayValue: Any = document.ArrayValue.pb()
_encode_value = _helpers.encode_value
_datetime_to_pb = _helpers._datetime_to_pb_timestamp


def encode_value(value: Any) -> Any:
    """Plain values without the wrappers of proto-plus; all others as the library does it."""
    kind = type(value)
    if kind is str:
        return _Value(string_value=value)
    if value is None:
        return _Value(null_value=NULL_VALUE)
    if kind is bool:
        return _Value(boolean_value=value)
    if kind is int:
        return _Value(integer_value=value)
    if kind is datetime:
        return _Value(timestamp_value=_datetime_to_pb(value))
    if kind is bytes:
        return _Value(bytes_value=value)
    if kind is dict:
        return _Value(map_value=_MapValue(fields={key: encode_value(item) for key, item in value.items()}))
    if kind in (list, tuple):
        return _Value(array_value=_ArrayValue(values=[encode_value(item) for item in value]))
    encoded = _encode_value(value)
    return document.Value.pb(encoded) if isinstance(encoded, document.Value) else encoded


def copied(value: Any) -> Any:
    """Of what a document holds: everything but maps and arrays cannot be changed anyway."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copied(item) for item in value]
    return value


class Copying:
    """Stands in for the `copy` module."""

    deepcopy = staticmethod(copied)


_split_field_path = functools.cache(field_path.split_field_path)
_parse_field_path = functools.cache(field_path.parse_field_path)
_from_api_repr = functools.cache(field_path.FieldPath.from_api_repr.__func__)  # type: ignore[attr-defined]


def patch(stack: ExitStack) -> None:
    """While the stack is open."""
    for owner, name, other in (
        (_helpers, "encode_value", encode_value),
        (base_document, "copy", Copying),
        (field_path, "split_field_path", lambda path: list(_split_field_path(path))),
        (field_path, "parse_field_path", lambda text: list(_parse_field_path(text))),
        (field_path.FieldPath, "from_api_repr", classmethod(_from_api_repr)),
    ):
        stack.enter_context(mock.patch.object(owner, name, other))
