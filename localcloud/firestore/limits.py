"""Production's limits on what a document may hold.

Sizes: https://firebase.google.com/docs/firestore/storage-size; limits: …/firestore/quotas.
"""

from __future__ import annotations

import re
from typing import Any

from localcloud.firestore.errors import invalid
from localcloud.firestore.messages import Document, Value

DOCUMENT_MAX_BYTES = 1_048_576
VALUE_MAX_BYTES = DOCUMENT_MAX_BYTES - 89
REQUEST_MAX_BYTES = 10 * 1_048_576
FIELD_NAME_MAX_BYTES = 1500
NESTING_DEPTH_MAX = 20
_OVERHEAD_BYTES = 32
_NAME_OVERHEAD_BYTES = 16
_RESERVED = re.compile(r"__.*__", re.DOTALL)
_FIXED_BYTES = {
    "null_value": 1,
    "boolean_value": 1,
    "integer_value": 8,
    "double_value": 8,
    "timestamp_value": 8,
    "geo_point_value": 16,
}


def _string_bytes(text: str) -> int:
    return (len(text) if text.isascii() else len(text.encode())) + 1


def name_bytes(name: str) -> int:
    """The size of a document's name: its collection and document ids, and 16."""
    return sum(_string_bytes(segment) for segment in name.split("/")[5:]) + _NAME_OVERHEAD_BYTES


def _value_bytes(value: Value, depth: int) -> int:
    kind = value.WhichOneof("value_type")
    if kind in _FIXED_BYTES:
        return _FIXED_BYTES[kind]
    if kind == "string_value":
        return _string_bytes(value.string_value)
    if kind == "bytes_value":
        return len(value.bytes_value)
    if kind == "reference_value":
        return name_bytes(value.reference_value)
    if kind == "array_value":
        return _array_bytes(value, depth)
    if kind == "map_value":
        return _map_bytes(value, depth)
    raise invalid(f"Value of type {kind or 'unset'} cannot be stored.")


def _array_bytes(value: Value, depth: int) -> int:
    total = 0
    for element in value.array_value.values:
        if element.WhichOneof("value_type") == "array_value":
            raise invalid("Cannot convert an array value in an array value.")
        total += _value_bytes(element, depth + 1)
    return total


def _map_bytes(value: Value, depth: int) -> int:
    fields = value.map_value.fields
    if "__type__" in fields and fields["__type__"].string_value == "__vector__":
        return 8 * len(fields["value"].array_value.values)
    return _fields_bytes(fields, depth + 1) + _OVERHEAD_BYTES


def _fields_bytes(fields: Any, depth: int) -> int:
    if depth > NESTING_DEPTH_MAX:
        raise invalid(f"Maps and arrays are nested deeper than {NESTING_DEPTH_MAX}.")
    total = 0
    for name, value in fields.items():
        if not name or _RESERVED.fullmatch(name):
            raise invalid(f'Field name "{name}" is empty or reserved.')
        name_size = _string_bytes(name)
        if name_size > FIELD_NAME_MAX_BYTES + 1:
            raise invalid(f"Field name is longer than {FIELD_NAME_MAX_BYTES} bytes.")
        value_size = _value_bytes(value, depth)
        if value_size > VALUE_MAX_BYTES:
            raise invalid(f'The value of property "{name}" is longer than {VALUE_MAX_BYTES} bytes.')
        total += name_size + value_size
    return total


def document_bytes(document: Document) -> int:
    """The document's size by production's formula; refuses field names and values that cannot be stored."""
    return name_bytes(document.name) + _fields_bytes(document.fields, 0) + _OVERHEAD_BYTES


def check_document(document: Document) -> None:
    """Refuse a document that production would not store."""
    size = document_bytes(document)
    if size > DOCUMENT_MAX_BYTES:
        raise invalid(
            f"Document '{document.name}' cannot be written because its size ({size:,} bytes) exceeds"
            f" the maximum allowed size of {DOCUMENT_MAX_BYTES:,} bytes."
        )
