"""A document's values are those that were written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from shared.gcp.firestore_values import plain
from shared.gcp.raw_firestore import RawFirestore
from tests.unit.use_cases.conftest import World


def test_values_of_every_kind(world: World, raw: RawFirestore) -> None:
    written: dict[str, Any] = {
        "nothing": None,
        "no": False,
        "zero": 0,
        "least": -(2**63),
        "half": 0.5,
        "empty": "",
        "text": "Đorđe",
        "bytes": b"\x00\xff",
        "at": datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC),
        "before": datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC),
        "list": [],
        "map": {"inner": [{"deep": None}, 1, "a"]},
    }
    world.data.document("kinds/one").set(written)
    fields = raw.get(["kinds/one"])["kinds/one"]
    assert {name: plain(value) for name, value in fields.items()} == written
