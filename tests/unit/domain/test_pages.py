"""Laws of the pages: nothing lost, nothing twice, always in order."""

from __future__ import annotations

from datetime import date, timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from shared.domain import pages as leaves
from shared.domain.identities import Identity
from shared.domain.ids import derived_id
from shared.domain.pages import FIRST, Page, Row, merge, row_key

DAY = date(2026, 1, 1)


def row(number: int, *, day: int = 0, text: str = "") -> Row:
    booked = DAY + timedelta(days=day)
    transaction_id = derived_id("txn", "account", str(number))
    identity = Identity(
        transaction_id=transaction_id,
        external_id=str(number),
        entry_reference=None,
        content=text,
        outline="",
        day=booked,
        raw_hash=text,
    )
    return Row(
        key=row_key(booked, transaction_id),
        json=f'{{"id":"{transaction_id}","text":"{number} {text}"}}'.encode(),
        identity=identity,
    )


def applied(pages: list[Page], written: list[Page]) -> list[Page]:
    by_lower = {page.lower: page for page in pages} | {page.lower: page for page in written}
    return [by_lower[lower] for lower in sorted(by_lower)]


def rows_of(pages: list[Page]) -> list[Row]:
    return [row for page in reversed(pages) for row in page.rows]


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaves, "MAX_ROWS", 6)


batches = st.lists(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12), st.sampled_from(["a", "b"])), max_size=25),
    max_size=6,
)


@given(batches)
@settings(max_examples=300, deadline=None)
def test_pages_hold_the_newest_version_of_every_row_in_order(
    batches: list[list[tuple[int, int, str]]],
) -> None:
    pages: list[Page] = []
    expected: dict[str, Row] = {}
    for batch in batches:
        incoming = [row(number, day=day, text=text) for number, day, text in batch]
        written = merge(pages, incoming)
        expected |= {item.identity.transaction_id: item for item in incoming}
        pages = applied(pages, written)

        assert rows_of(pages) == sorted(expected.values(), key=lambda item: item.key, reverse=True)
        bounds = [page.lower for page in pages]
        for page, following in zip(pages, [*bounds[1:], "~"], strict=False):
            assert len(page.rows) <= 6
            assert all(page.lower <= item.key < following for item in page.rows)


@given(batches, st.lists(st.integers(0, 60), max_size=20))
@settings(max_examples=200, deadline=None)
def test_what_is_taken_out_is_gone_and_nothing_else(
    batches: list[list[tuple[int, int, str]]], numbers: list[int]
) -> None:
    pages: list[Page] = []
    expected: dict[str, Row] = {}
    for batch in batches:
        incoming = [row(number, day=day, text=text) for number, day, text in batch]
        out = {row(number).identity.transaction_id for number in numbers} - {
            item.identity.transaction_id for item in incoming
        }
        written = merge(pages, incoming, removed=out)
        expected = {name: item for name, item in expected.items() if name not in out}
        expected |= {item.identity.transaction_id: item for item in incoming}
        pages = applied(pages, written)
        assert rows_of(pages) == sorted(expected.values(), key=lambda item: item.key, reverse=True)
        assert merge(pages, [], removed=out) == []


@given(batches)
@settings(max_examples=100, deadline=None)
def test_what_is_stored_already_writes_no_page(batches: list[list[tuple[int, int, str]]]) -> None:
    pages: list[Page] = []
    for batch in batches:
        incoming = [row(number, day=day, text=text) for number, day, text in batch]
        pages = applied(pages, merge(pages, incoming))
        assert merge(pages, {item.identity.transaction_id: item for item in incoming}.values()) == []


def test_the_first_page_starts_before_every_day() -> None:
    assert [page.lower for page in merge([], [row(1)])] == [FIRST]


def test_history_that_only_grows_leaves_full_pages_behind() -> None:
    pages: list[Page] = []
    for number in range(40):
        pages = applied(pages, merge(pages, [row(number, day=number)]))
    assert [len(page.rows) for page in pages] == [6, 6, 6, 6, 6, 6, 4]


def test_a_page_is_cut_before_it_grows_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaves, "MAX_BYTES", 220)
    written = merge([], [row(number, day=number, text="x" * 40) for number in range(5)])
    assert [len(page.rows) for page in written] == [2, 2, 1]
