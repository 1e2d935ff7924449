"""Which indexes a query needs, and whether firestore.indexes.json declares them: production refuses a query without.

Single-field indexes in a collection exist by themselves unless a field override says otherwise; an index across a
collection group, one of several fields, and a scan by descending __name__ must be declared.
https://firebase.google.com/docs/firestore/query-data/index-overview, https://firebase.google.com/docs/reference/firestore/indexes
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

from grpc import StatusCode

from localcloud.firestore.errors import FirestoreError
from localcloud.firestore.field_paths import NAME_FIELD
from localcloud.firestore.filters import AllOf, AnyOf, ArrayContains, Node
from localcloud.firestore.query import Query

Mode = Literal["ASCENDING", "DESCENDING", "CONTAINS"]
Scope = Literal["COLLECTION", "COLLECTION_GROUP"]

_ALL_FIELDS = "*"
_FLIPPED: Mapping[Mode, Mode] = {
    "ASCENDING": "DESCENDING",
    "DESCENDING": "ASCENDING",
    "CONTAINS": "CONTAINS",
}


@dataclass(frozen=True, slots=True)
class Index:
    collection_group: str
    scope: Scope
    fields: tuple[tuple[str, Mode], ...]
    """Without the __name__ that follows the last field in its direction by itself."""


@dataclass(frozen=True, slots=True)
class Need:
    """What one conjunction of a query asks of an index: these fields equal something, in any order, then this sort."""

    collection_group: str
    scope: Scope
    equalities: frozenset[tuple[str, bool]]
    """(field, whether an array is to contain the value)"""
    sort: tuple[tuple[str, Mode], ...]

    def __str__(self) -> str:
        """The entry of firestore.indexes.json that is missing."""
        fields = [
            _field(name, "CONTAINS" if in_array else "ASCENDING")
            for name, in_array in sorted(self.equalities)
        ]
        fields += [_field(name, mode) for name, mode in self.sort]
        if len(fields) > 1 or self.sort[:1] == ((NAME_FIELD, "DESCENDING"),):
            entry = {"collectionGroup": self.collection_group, "queryScope": self.scope, "fields": fields}
            return f'in "indexes": {json.dumps(entry)}'
        path = fields[0].pop("fieldPath")
        override = {
            "collectionGroup": self.collection_group,
            "fieldPath": path,
            "indexes": [{**fields[0], "queryScope": self.scope}],
        }
        return f'in "fieldOverrides": {json.dumps(override)}'


class DeclaredIndexes:
    """A firestore.indexes.json. `used` are the declared indexes that some query has needed so far."""

    def __init__(self, declared: Mapping[str, Any]) -> None:
        self.composite = {_index(entry) for entry in declared["indexes"]}
        self.overridden: dict[tuple[str, str], set[Index]] = {
            (entry["collectionGroup"], entry["fieldPath"]): set(_single_field(entry))
            for entry in declared["fieldOverrides"]
            if "indexes" in entry
        }
        self.used: set[Index] = set()
        self._known: set[Need] = set()

    @classmethod
    def load(cls, path: Path) -> DeclaredIndexes:
        return cls(json.loads(path.read_text()))

    def check(self, query: Query) -> None:
        """Raises FAILED_PRECONDITION, as production does, for a query that no declared index serves."""
        for need in needs(query):
            if need in self._known:
                continue
            found = self._serving(need)
            if found is None:
                raise FirestoreError(
                    StatusCode.FAILED_PRECONDITION,
                    f"The query requires an index. Declare it in firestore.indexes.json, {need}",
                )
            self.used |= found & self._declared()
            self._known.add(need)

    def is_indexed(self, collection_group: str, field: str) -> bool:
        """Whether any index holds the field alone."""
        override = self._override(collection_group, field)
        return override is None or bool(override)

    def _declared(self) -> set[Index]:
        return self.composite.union(*self.overridden.values())

    def _serving(self, need: Need) -> set[Index] | None:
        """The indexes that together hold every equality, each ending in the sort (they are merged by it)."""
        names = {name for name, _ in need.equalities} | {name for name, _ in need.sort}
        serving: set[Index] = set()
        held: set[tuple[str, bool]] = set()
        for index in (*self.composite, *(found for name in names for found in self._single(need, name))):
            if index.collection_group != need.collection_group or index.scope != need.scope:
                continue
            prefix = _equalities_before(index, need.sort)
            if prefix is not None and prefix <= need.equalities:
                serving.add(index)
                held |= prefix
        return serving if serving and held == need.equalities else None

    def _single(self, need: Need, field: str) -> set[Index]:
        override = self._override(need.collection_group, field)
        if override is not None:
            return override
        if need.scope != "COLLECTION" or field == NAME_FIELD:
            return set()
        modes: tuple[Mode, ...] = ("ASCENDING", "DESCENDING", "CONTAINS")
        return {Index(need.collection_group, "COLLECTION", ((field, mode),)) for mode in modes}

    def _override(self, collection_group: str, field: str) -> set[Index] | None:
        """The nearest override: of the field, of a map that it lies in, or of all fields."""
        segments = field.split(".")
        for length in range(len(segments), 0, -1):
            found = self.overridden.get((collection_group, ".".join(segments[:length])))
            if found is not None:
                return found
        return self.overridden.get((collection_group, _ALL_FIELDS))


def needs(query: Query) -> Iterator[Need]:
    """One for each conjunction of the query; nothing where documents are read in the order of their names."""
    scope: Scope = "COLLECTION_GROUP" if query.all_descendants else "COLLECTION"
    for equalities in _conjunctions(query.node):
        equal = {name for name, _ in equalities}
        sort: list[tuple[str, Mode]] = [
            (order.field, "DESCENDING" if order.is_descending else "ASCENDING")
            for order in query.orders
            if order.field not in equal
        ]
        if sort and sort[-1][0] == NAME_FIELD:
            # A scan by name alone is only free ascending; behind anything else the name follows in its direction.
            implied = sort[-2][1] if len(sort) > 1 else sort[-1][1] if equalities else "ASCENDING"
            if sort[-1][1] == implied:
                sort.pop()
        if equalities or sort:
            yield Need(query.collection_id, scope, equalities, tuple(sort))


def _conjunctions(node: Node | None) -> list[frozenset[tuple[str, bool]]]:
    """The equalities of each conjunction of the disjunctive normal form."""
    if node is None:
        return [frozenset()]
    if isinstance(node, AnyOf):
        return [found for part in node.parts for found in _conjunctions(part)]
    if isinstance(node, AllOf):
        parts = [_conjunctions(part) for part in node.parts]
        return [frozenset().union(*chosen) for chosen in product(*parts)]
    if isinstance(node, ArrayContains):
        return [frozenset({(node.field, True)})]
    if node.is_equality and node.field != NAME_FIELD:
        return [frozenset({(node.field, False)})]
    return [frozenset()]


def _equalities_before(
    index: Index, sort: tuple[tuple[str, Mode], ...]
) -> frozenset[tuple[str, bool]] | None:
    """The fields before the sort, where the index ends in it or can be read backwards so; None where it does not."""
    start = len(index.fields) - len(sort)
    if start < 0:
        return None
    tail = index.fields[start:]
    backwards = tuple((name, _FLIPPED[mode]) for name, mode in tail)
    if sort not in (tail, backwards):
        return None
    return frozenset((name, mode == "CONTAINS") for name, mode in index.fields[:start])


def _index(entry: Mapping[str, Any]) -> Index:
    fields: list[tuple[str, Mode]] = [(field["fieldPath"], _mode(field)) for field in entry["fields"]]
    if len(fields) > 1 and fields[-1][0] == NAME_FIELD and fields[-1][1] == fields[-2][1]:
        fields.pop()
    return Index(entry["collectionGroup"], entry["queryScope"], tuple(fields))


def _single_field(entry: Mapping[str, Any]) -> Iterator[Index]:
    for index in entry["indexes"]:
        field = (entry["fieldPath"], _mode(index))
        yield Index(entry["collectionGroup"], index["queryScope"], (field,))


def _mode(entry: Mapping[str, Any]) -> Mode:
    mode: Mode = "CONTAINS" if "arrayConfig" in entry else entry["order"]
    return mode


def _field(name: str, mode: Mode) -> dict[str, str]:
    return {"fieldPath": name, **({"arrayConfig": "CONTAINS"} if mode == "CONTAINS" else {"order": mode})}
