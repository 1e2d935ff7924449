"""Queries read few documents where an index allows it, and every way of running one finds the same."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cmp_to_key
from typing import Any

import pytest

from localcloud.firestore.engine import Engine
from localcloud.firestore.errors import FirestoreError
from localcloud.firestore.executor import between_cursors
from localcloud.firestore.messages import Document, StructuredQuery, Value, Write
from localcloud.firestore.query import Query, compile_query
from localcloud.firestore.scope import Stored
from tests.localcloud.firestore.generate import Generator

DATABASE = "projects/p/databases/(default)"
ROOT = f"{DATABASE}/documents"


class Reads:
    """How often a field of a document was looked at."""

    def __init__(self) -> None:
        self.count = 0


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    counter = Reads()
    plain = Stored.key

    def counted(self: Stored, field: str) -> Any:
        counter.count += 1
        return plain(self, field)

    monkeypatch.setattr(Stored, "key", counted)
    return counter


def _engine(documents: Iterator[tuple[str, dict[str, Any]]]) -> Engine:
    engine = Engine()
    writes = [Write(update=Document(name=f"{ROOT}/{path}", fields=fields)) for path, fields in documents]
    engine.commit(DATABASE, writes)
    return engine


def _pages_up_to(lower: str) -> Query:
    """The newest pages at or below a bound, and the sentinel: how transactions are listed."""
    query = StructuredQuery(limit={"value": 3})
    query.from_.add(collection_id="pages")
    query.order_by.add(field={"field_path": "lower"}, direction=StructuredQuery.Direction.DESCENDING)
    query.where.composite_filter.op = StructuredQuery.CompositeFilter.OR
    for op, text in (
        (StructuredQuery.FieldFilter.EQUAL, "~"),
        (StructuredQuery.FieldFilter.LESS_THAN_OR_EQUAL, lower),
    ):
        clause = query.where.composite_filter.filters.add().field_filter
        clause.field.field_path = "lower"
        clause.op = op
        clause.value.string_value = text
    return compile_query(f"{ROOT}/accounts/a", query)


@pytest.mark.parametrize(
    ("lower", "expected"), [("00001", [1, 0]), ("00500", [500, 499]), ("01999", [1999, 1998])]
)
def test_a_listing_reads_the_same_few_pages_anywhere(reads: Reads, lower: str, expected: list[int]) -> None:
    rows = ((f"accounts/a/pages/{n:05}", {"lower": Value(string_value=f"{n:05}")}) for n in range(2_000))
    engine = _engine(rows)
    engine.commit(DATABASE, [_page("~")])
    engine.run(_pages_up_to("00000"))
    reads.count = 0
    found = engine.run(_pages_up_to(lower))
    assert [stored.name[-5:] for stored in found] == ["age-~", *(f"{n:05}" for n in expected)]
    assert reads.count < 20


def _page(lower: str) -> Write:
    name = f"{ROOT}/accounts/a/pages/page-{lower}"
    return Write(update=Document(name=name, fields={"lower": Value(string_value=lower)}))


def test_due_consents_page_without_a_scan(reads: Reads) -> None:
    rows = (
        (f"organisations/o{n % 50}/consents/c{n}", {"nextSyncAt": Value(timestamp_value={"seconds": n // 3})})
        for n in range(6_000)
    )
    engine = _engine(rows)
    query = StructuredQuery(limit={"value": 100})
    query.from_.add(collection_id="consents", all_descendants=True)
    clause = query.where.field_filter
    clause.field.field_path = "nextSyncAt"
    clause.op = StructuredQuery.FieldFilter.LESS_THAN_OR_EQUAL
    clause.value.timestamp_value.seconds = 1500
    for field in ("nextSyncAt", "__name__"):
        query.order_by.add(field={"field_path": field})
    engine.run(compile_query(ROOT, query))
    seen: set[str] = set()
    reads.count = 0
    while found := engine.run(compile_query(ROOT, query)):
        assert seen.isdisjoint(stored.name for stored in found)
        seen.update(stored.name for stored in found)
        query.ClearField("start_at")
        last = found[-1].document
        query.start_at.values.add().CopyFrom(last.fields["nextSyncAt"])
        query.start_at.values.add(reference_value=last.name)
    assert len(seen) == 3 * 1501
    assert reads.count < 2 * len(seen)


def test_an_equality_narrows_before_the_order(reads: Reads) -> None:
    rows = (
        (f"c/d{n}", {"n": Value(integer_value=n), "rare": Value(boolean_value=n % 1000 == 0)})
        for n in range(5000)
    )
    engine = _engine(rows)
    query = StructuredQuery(limit={"value": 100})
    query.from_.add(collection_id="c")
    query.where.field_filter.field.field_path = "rare"
    query.where.field_filter.op = StructuredQuery.FieldFilter.EQUAL
    query.where.field_filter.value.boolean_value = True
    query.order_by.add(field={"field_path": "n"}, direction=2)
    compiled = compile_query(ROOT, query)
    engine.run(compiled)
    reads.count = 0
    assert [stored.document.fields["n"].integer_value for stored in engine.run(compiled)] == [
        4000,
        3000,
        2000,
        1000,
        0,
    ]
    assert reads.count < 30


def _plainly(documents: dict[str, Stored], query: Query) -> list[str]:
    """The query by its definition: look at every document, sort, cut."""

    def compare(one: Any, other: Any) -> int:
        for left, right, order in zip(one[0], other[0], query.orders, strict=True):
            if left != right:
                return -1 if (left < right) != order.is_descending else 1
        return 0

    reached = [
        stored
        for stored in documents.values()
        if stored.name.split("/")[-2] == query.collection_id
        and (query.all_descendants or stored.name.count("/") == query.parent.count("/") + 2)
    ]
    passing = [stored for stored in reached if query.node is None or query.node.matches(stored)]
    keyed = [([stored.key(order.field) for order in query.orders], stored.name) for stored in passing]
    kept = [row for row in keyed if None not in row[0] and between_cursors(query, row[0])]
    names = [name for _, name in sorted(kept, key=cmp_to_key(compare))]
    return names[query.offset :][: query.limit]


@pytest.mark.parametrize("seed", range(6))
def test_indexes_find_what_a_scan_finds(seed: int) -> None:
    """Also after the documents change under indexes that already exist."""
    engine = Engine()
    answered = 0
    for number in range(250):
        generator = Generator(f"{seed}-{number}", database=DATABASE)
        if number % 25 == 0:
            engine.commit(DATABASE, generator.documents().writes)
            engine.commit(DATABASE, [Write(delete=generator.name()) for _ in range(5)])
        request = generator.query()
        try:
            query = compile_query(request.parent, request.structured_query)
        except FirestoreError:
            continue
        answered += 1
        found = [stored.name for stored in engine.run(query)]
        assert found == _plainly(engine.database(DATABASE).documents, query), (
            f"seed {seed}-{number}: {request}"
        )
    assert answered > 100
