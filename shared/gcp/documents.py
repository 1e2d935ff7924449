"""Structs to Firestore's maps and back, and Firestore's refusals in the domain's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from google.api_core.exceptions import AlreadyExists, FailedPrecondition
from google.api_core.exceptions import NotFound as DocumentNotFound

from shared.domain.errors import StaleWrite

T = TypeVar("T")


def to_document(value: msgspec.Struct) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(value, builtin_types=(datetime, bytes))
    return built


def from_document(document: dict[str, Any] | None, kind: type[T]) -> T:
    return msgspec.convert(_plain(document), kind)


def _plain(value: Any) -> Any:
    """The client's own datetime subclass is no datetime to msgspec."""
    if isinstance(value, datetime):
        return datetime.fromtimestamp(value.timestamp(), tz=value.tzinfo)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


@contextmanager
def stale_write_on_conflict() -> Iterator[None]:
    """A precondition that no longer holds becomes StaleWrite."""
    try:
        yield
    except (AlreadyExists, FailedPrecondition, DocumentNotFound) as refusal:
        raise StaleWrite(type(refusal).__name__) from None
