from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from shared.domain.errors import InvalidCursor
from shared.http.cursors import Cursors

cursors = Cursors(b"k" * 32)
SCOPE = ("org_1", "acc_1", "booked")


@given(st.text(st.characters(codec="utf-8"), max_size=80))
def test_a_position_survives_its_cursor(position: str) -> None:
    assert cursors.decode(cursors.encode(position, scope=SCOPE), scope=SCOPE) == position


@given(st.data())
def test_a_cursor_cut_or_altered_anywhere_is_refused(data: st.DataObject) -> None:
    cursor = cursors.encode("2026-02-25~txn_01M7V41F00ZYC5MJ5YJMEG8SK8", scope=SCOPE)
    position = data.draw(st.integers(0, len(cursor) - 1))
    character = data.draw(st.sampled_from("abcXYZ019-_=+/ č"))
    altered = cursor[:position] + character + cursor[position + 1 :]
    for wrong in {altered, cursor[:position], cursor[position + 1 :], cursor + character} - {cursor}:
        with pytest.raises(InvalidCursor):
            cursors.decode(wrong, scope=SCOPE)


@pytest.mark.parametrize(
    "scope",
    [
        ("org_2", "acc_1", "booked"),
        ("org_1", "acc_2", "booked"),
        ("org_1", "acc_1", "pending"),
        ("org_1acc_1",),
    ],
)
def test_a_cursor_of_another_listing_is_refused(scope: tuple[str, ...]) -> None:
    with pytest.raises(InvalidCursor):
        cursors.decode(cursors.encode("x", scope=SCOPE), scope=scope)


@given(st.text(max_size=40))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursor):
        cursors.decode(text, scope=SCOPE)
