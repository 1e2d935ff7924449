"""A query without its index is refused as production refuses it, and the refusal says what to declare."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import FailedPrecondition
from google.cloud.firestore import Client, Query
from google.cloud.firestore_v1.base_query import FieldFilter, Or

from localcloud.firestore.background import serve_in_background
from localcloud.firestore.engine import Engine
from localcloud.firestore.indexes import DeclaredIndexes
from tests.localcloud.firestore.serving import connect, start_server, stop_server

NOTHING: dict[str, Any] = {"indexes": [], "fieldOverrides": []}
UP, DOWN = Query.ASCENDING, Query.DESCENDING


def composite(*fields: tuple[str, str], scope: str = "COLLECTION") -> dict[str, Any]:
    return {
        "indexes": [
            {
                "collectionGroup": "c",
                "queryScope": scope,
                "fields": [{"fieldPath": name, "order": order} for name, order in fields],
            }
        ],
        "fieldOverrides": [],
    }


def single(field: str, *scopes: str) -> dict[str, Any]:
    indexes = [{"order": "ASCENDING", "queryScope": scope} for scope in scopes]
    return {
        "indexes": [],
        "fieldOverrides": [{"collectionGroup": "c", "fieldPath": field, "indexes": indexes}],
    }


def equal(query: Any, *fields: str) -> Any:
    for field in fields:
        query = query.where(filter=FieldFilter(field, "==", 1))
    return query


SERVED: list[tuple[str, Any, dict[str, Any]]] = [
    ("everything", lambda c: c, NOTHING),
    ("one field", lambda c: c.order_by("a", direction=DOWN), NOTHING),
    ("an equality", lambda c: equal(c, "a"), NOTHING),
    ("equalities merge", lambda c: equal(c, "a", "b", "m.c"), NOTHING),
    ("a range", lambda c: c.where(filter=FieldFilter("a", ">", 1)).order_by("a"), NOTHING),
    ("an array", lambda c: c.where(filter=FieldFilter("a", "array_contains", 1)), NOTHING),
    (
        "a sort by what is equal",
        lambda c: c.where(
            filter=Or([FieldFilter("a", "==", 1), FieldFilter("a", "<=", 0)]),
        ).order_by("a", direction=DOWN),
        NOTHING,
    ),
    ("composite", lambda c: equal(c, "a").order_by("b"), composite(("a", UP), ("b", UP))),
    ("read backwards", lambda c: equal(c, "a").order_by("b"), composite(("a", UP), ("b", DOWN))),
    (
        "equal in any order",
        lambda c: equal(c, "b", "a").order_by("d"),
        composite(("a", UP), ("b", UP), ("d", UP)),
    ),
    ("names downwards", lambda c: c.order_by("__name__", direction=DOWN), composite(("__name__", DOWN))),
    ("an exempt field that nobody asks for", lambda c: c.order_by("a"), single("b")),
]
REFUSED: list[tuple[str, Any, dict[str, Any]]] = [
    ("composite", lambda c: equal(c, "a").order_by("b"), NOTHING),
    ("one sort too many", lambda c: equal(c, "a").order_by("b"), composite(("a", UP), ("b", UP), ("d", UP))),
    (
        "one equality too many",
        lambda c: equal(c, "a").order_by("b"),
        composite(("a", UP), ("d", UP), ("b", UP)),
    ),
    (
        "the wrong direction",
        lambda c: c.order_by("a").order_by("b", direction=DOWN),
        composite(("a", UP), ("b", UP)),
    ),
    ("names downwards", lambda c: c.order_by("__name__", direction=DOWN), NOTHING),
    (
        "an array and a sort",
        lambda c: c.where(filter=FieldFilter("a", "array_contains", 1)).order_by("b"),
        NOTHING,
    ),
    (
        "one side of an or",
        lambda c: c.where(filter=Or([FieldFilter("a", "==", 1), FieldFilter("b", "==", 1)])).order_by("d"),
        composite(("a", UP), ("d", UP)),
    ),
    ("an exempt field", lambda c: equal(c, "a"), single("a")),
    ("a field of an exempt map", lambda c: equal(c, "m.c"), single("m")),
    ("all fields exempt", lambda c: equal(c, "a"), single("*")),
    ("in another scope", lambda c: equal(c, "a"), single("a", "COLLECTION_GROUP")),
]


def run(build: Any, declared: dict[str, Any], *, group: bool = False) -> DeclaredIndexes:
    indexes = DeclaredIndexes(declared)
    with serve_in_background(Engine(indexes=indexes)) as address:
        client: Client = connect(Client, address, project="indexes")
        list(build(client.collection_group("c") if group else client.collection("c")).stream())
        client.close()
    return indexes


@pytest.mark.parametrize(
    ("build", "declared"), [case[1:] for case in SERVED], ids=[case[0] for case in SERVED]
)
def test_served(build: Any, declared: dict[str, Any]) -> None:
    run(build, declared)


@pytest.mark.parametrize(
    ("build", "declared"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_refused_until_what_the_refusal_says_is_declared(build: Any, declared: dict[str, Any]) -> None:
    for _ in range(3):
        try:
            run(build, declared)
        except FailedPrecondition as refusal:
            assert "requires an index" in refusal.message
            declared = add(declared, refusal.message)
        else:
            return
    pytest.fail("still refused")


def add(declared: dict[str, Any], refusal: str) -> dict[str, Any]:
    found = re.search(r'in "(\w+)": (.*)$', refusal)
    assert found is not None
    section, entry = found[1], json.loads(found[2])
    same = ("collectionGroup", "fieldPath")
    kept = [
        old for old in declared[section] if "fields" in old or any(old[key] != entry[key] for key in same)
    ]
    return {**declared, section: [*kept, entry]}


def test_a_collection_group_needs_an_index_of_its_own() -> None:
    def due(group: Any) -> Any:
        return group.where(filter=FieldFilter("a", "<=", 1)).order_by("a").order_by("__name__")

    run(lambda group: group, NOTHING, group=True)
    with pytest.raises(FailedPrecondition, match='"queryScope": "COLLECTION_GROUP"'):
        run(due, NOTHING, group=True)
    with pytest.raises(FailedPrecondition):
        run(due, single("a", "COLLECTION"), group=True)
    declared = run(due, single("a", "COLLECTION_GROUP"), group=True)
    assert [index.fields for index in declared.used] == [(("a", "ASCENDING"),)]


def test_the_process_refuses_too(tmp_path: Path) -> None:
    path = tmp_path / "indexes.json"
    path.write_text(json.dumps(NOTHING))
    process, address = start_server(tmp_path / "data", "--indexes", str(path))
    try:
        client: Client = connect(Client, address, project="indexes")
        with pytest.raises(FailedPrecondition):
            list(equal(client.collection("c"), "a").order_by("b").stream())
    finally:
        stop_server(process)
