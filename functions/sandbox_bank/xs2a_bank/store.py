"""Where the bank keeps its records. Every change after creation is conditional on what was read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import msgspec

R = TypeVar("R", bound=msgspec.Struct)


class AlreadyExists(Exception):
    """A record of this kind and key is there."""


class Changed(Exception):
    """The record changed, or went, since it was read."""


@dataclass(frozen=True, slots=True)
class Stored(Generic[R]):
    key: str
    record: R
    version: object
    """Opaque; belongs to the store."""


class Store(Protocol):
    def get(self, kind: type[R], key: str) -> Stored[R] | None: ...

    def create(self, key: str, record: msgspec.Struct) -> None:
        """Raises AlreadyExists."""
        ...

    def replace(self, stored: Stored[R], record: R) -> None:
        """Writes the record over the version that was read. Raises Changed."""
        ...
