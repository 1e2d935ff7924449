"""A listing cut out of leaves equals one made of every row."""

from __future__ import annotations

import json
from datetime import timedelta

import hypothesis.strategies as st
from hypothesis import given, settings

from shared.domain.leaves import Leaf, take
from shared.domain.pages import Page, merge
from shared.gcp.page_documents import page_document, read_page
from tests.unit.domain.test_pages import DAY, applied, row, rows_of, small_pages

__all__ = ["small_pages"]


def leaf_of(page: Page) -> Leaf:
    document = page_document(page)
    return Leaf(document["lower"], document["keys"], document["rows"])


@given(
    days=st.lists(st.integers(0, 30), max_size=40),
    below=st.integers(0, 31),
    not_before=st.none() | st.integers(0, 31),
    limit=st.integers(1, 20),
)
@settings(max_examples=400, deadline=None)
def test_a_slice_is_what_a_scan_of_everything_finds(
    days: list[int], below: int, not_before: int | None, limit: int
) -> None:
    pages = applied([], merge([], [row(number, day=day) for number, day in enumerate(days)]))
    upper = f"{DAY + timedelta(days=below)}~"
    lower = "" if not_before is None else f"{DAY + timedelta(days=not_before)}~"
    read = []

    def leaves() -> object:
        for page in reversed(pages):
            read.append(page)
            yield leaf_of(page)

    found = take(leaves(), below=upper, not_before=lower, limit=limit)  # type: ignore[arg-type]
    matching = [item for item in rows_of(pages) if lower <= item.key < upper]
    assert b",".join(found.runs) == b",".join(found.runs).strip()
    shown = json.loads(b"[" + b",".join(found.runs) + b"]")
    assert shown == [json.loads(item.json) for item in matching[:limit]]
    assert found.next_key == (matching[limit - 1].key if len(matching) > limit else None)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=30), st.integers(0))
@settings(max_examples=100, deadline=None)
def test_one_row_is_found_by_its_id(days: list[int], chosen: int) -> None:
    rows = [row(number, day=day, text="a,b") for number, day in enumerate(days)]
    wanted = rows[chosen % len(rows)]
    pages = merge([], rows)
    hits = [leaf_of(page).find(wanted.identity.transaction_id) for page in pages]
    assert [hit for hit in hits if hit is not None] == [wanted.json]


def test_a_page_survives_its_document() -> None:
    for page in merge([], [row(number, day=number, text="č,ž") for number in range(9)]):
        assert read_page(page_document(page)) == page


def test_no_leaf_is_read_beyond_a_full_page_that_ends_at_the_limit() -> None:
    pages = merge([], [row(number, day=number) for number in range(12)])
    read = 0

    def leaves() -> object:
        nonlocal read
        for page in reversed(pages):
            read += 1
            yield leaf_of(page)

    found = take(leaves(), below="9999~", not_before="", limit=6)  # type: ignore[arg-type]
    assert (read, found.next_key is not None) == (1, True)
