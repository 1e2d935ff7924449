from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
from google.api_core.datetime_helpers import DatetimeWithNanoseconds
from google.cloud.firestore_v1 import _helpers
from google.cloud.firestore_v1.field_path import FieldPath
from google.cloud.firestore_v1.types import document

from tests.simulation.fast_client import copied, encode_value, patch

VALUES: list[Any] = [
    None, True, False, 0, -7, 1.5, "", "čćž", b"", b"\0\xff", [], (1, "a"), {}, {"a": {"b.c": [1, {"d": None}]}},
    datetime(2026, 3, 2, 6, 0, 0, 123456, tzinfo=UTC), DatetimeWithNanoseconds(2026, 3, 2, tzinfo=UTC),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_are_encoded_as_the_library_encodes_them(value: Any) -> None:
    assert encode_value(value) == document.Value.pb(_helpers.encode_value(value))


def test_a_write_is_the_same_message() -> None:
    fields = {"plain": 1, "a.b": "nested", "map": {"deep": [None, {"x": b"1"}]}, "gone": None}

    def written() -> bytes:
        (write,) = _helpers.pbs_for_update("projects/p/databases/d/documents/c/1", fields, None)
        serialized: bytes = type(write).pb(write).SerializeToString(deterministic=True)
        return serialized

    plain = written()
    with ExitStack() as stack:
        patch(stack)
        assert written() == plain
        assert written() == plain


@pytest.mark.parametrize("path", ["a", "a.b", "a.`b.c`", "`ć`.d"])
def test_field_paths_are_the_same(path: str) -> None:
    plain = FieldPath.from_api_repr(path)
    with ExitStack() as stack:
        patch(stack)
        assert FieldPath.from_api_repr(path) == plain
        assert FieldPath.from_api_repr(path).to_api_repr() == plain.to_api_repr()


def test_copies_are_apart() -> None:
    data = {"map": {"list": [1, {"x": 1}]}, "when": VALUES[-1]}
    twin = copied(data)
    assert twin == data
    twin["map"]["list"][1]["x"] = 2
    assert data["map"] == {"list": [1, {"x": 1}]}
