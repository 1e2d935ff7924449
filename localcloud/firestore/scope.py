"""Documents that one query can reach (a collection, or a collection group) and the sorted indexes over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from sortedcontainers import SortedList

from localcloud.firestore.field_paths import NAME_FIELD, get_field, parse_field_path
from localcloud.firestore.messages import Document
from localcloud.firestore.values import REFERENCE_RANK, Key, name_order, timestamp_ns, value_key

Entry: TypeAlias = tuple[Any, ...]
"""(key of the field's value, name_order of the document); prefixes and longer tuples serve as bounds."""


class Stored:
    """A document as kept: never changed, only replaced."""

    __slots__ = ("document", "name", "order", "update_ns")

    def __init__(self, document: Document) -> None:
        self.document = document
        self.name: str = document.name
        self.order = name_order(self.name)
        self.update_ns = timestamp_ns(document.update_time)

    def key(self, field: str) -> Key | None:
        """The key of the field's value, or None where the document lacks the field."""
        if field == NAME_FIELD:
            return (REFERENCE_RANK, self.order)
        value = get_field(self.document.fields, parse_field_path(field))
        return None if value is None else value_key(value)


class Scope:
    """Indexes are built on the first query that wants them, and kept up by every later write."""

    def __init__(self, documents: Mapping[str, Stored]) -> None:
        self.documents = dict(documents)
        self._indexes: dict[str, SortedList] = {}

    def index(self, field: str) -> SortedList:
        """The entries of all documents that have the field, in ascending order."""
        index = self._indexes.get(field)
        if index is None:
            entries = (
                (key, order)
                for order, stored in self.documents.items()
                if (key := stored.key(field)) is not None
            )
            index = self._indexes[field] = SortedList(entries)
        return index

    def replace(self, old: Stored | None, new: Stored | None) -> None:
        """Take a document in, change it or let it go."""
        for field, index in self._indexes.items():
            before = None if old is None else old.key(field)
            after = None if new is None else new.key(field)
            if before == after:
                continue
            if old is not None and before is not None:
                index.remove((before, old.order))
            if new is not None and after is not None:
                index.add((after, new.order))
        if new is not None:
            self.documents[new.order] = new
        elif old is not None:
            del self.documents[old.order]
