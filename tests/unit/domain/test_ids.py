from __future__ import annotations

from datetime import date

import hypothesis.strategies as st
from hypothesis import given

from shared.domain.ids import date_of, derived_id, is_id, new_id


@given(st.lists(st.text(max_size=8), max_size=4), st.lists(st.text(max_size=8), max_size=4))
def test_the_same_parts_make_the_same_id_and_others_another(left: list[str], right: list[str]) -> None:
    assert (derived_id("txn", *left) == derived_id("txn", *right)) == (left == right)


@given(st.dates(date(1970, 1, 1), date(2200, 1, 1)))
def test_an_id_sorts_by_its_date_and_tells_it(day: date) -> None:
    identifier = derived_id("txn", "a", on=day)
    assert date_of(identifier) == day
    assert is_id("txn", identifier)


def test_new_ids_are_ids_of_their_kind_only() -> None:
    identifier = new_id("con")
    assert is_id("con", identifier)
    assert not is_id("acc", identifier)


@given(st.text())
def test_other_text_is_no_id(text: str) -> None:
    assert not is_id("acc", text)


def test_an_ancient_date_is_no_error() -> None:
    assert is_id("txn", derived_id("txn", "a", on=date(1900, 1, 1)))
