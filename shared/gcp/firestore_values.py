"""Firestore's values as Python has them, for what is read without the client's object layer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from shared.gcp.raw_firestore import Fields

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def from_fields(fields: Fields, kind: type[T]) -> T:
    """A document that `documents.to_document` made."""
    return msgspec.convert({name: plain(value) for name, value in fields.items()}, kind)


def plain(value: Any) -> Any:
    """Times are UTC, to the microsecond. Raises ValueError for a kind that no document of ours holds."""
    match value.WhichOneof("value_type"):
        case "null_value":
            return None
        case "timestamp_value":
            told = value.timestamp_value
            return _EPOCH + timedelta(seconds=told.seconds, microseconds=told.nanos // 1_000)
        case "map_value":
            return {name: plain(item) for name, item in value.map_value.fields.items()}
        case "array_value":
            return [plain(item) for item in value.array_value.values]
        case "boolean_value" | "integer_value" | "double_value" | "string_value" | "bytes_value" as kind:
            return getattr(value, kind)
        case kind:
            raise ValueError(f"no document of ours holds a {kind}")
