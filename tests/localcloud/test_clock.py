from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.clock import FileClock, SystemClock, from_us, set_clock_offset, to_us

DAY_SECONDS = 24 * 3600


def test_the_system_clock_is_the_systems() -> None:
    assert abs(SystemClock().now() - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_file_moves_the_clock_and_its_absence_does_not(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "clock.json"
    clock = FileClock(path)
    assert abs(clock.now_us() / 1e6 - time.time()) < 60
    for offset_seconds in (91 * DAY_SECONDS, -DAY_SECONDS):
        set_clock_offset(path, offset_seconds=offset_seconds)
        assert abs(clock.now_us() / 1e6 - time.time() - offset_seconds) < 60
    path.unlink()
    assert abs(clock.now_us() / 1e6 - time.time()) < 60


@pytest.mark.parametrize("content", ["", '{"offsetSec', "[]", '{"offset": 1}', '{"offsetSeconds": "x"}'])
def test_half_a_file_changes_nothing(tmp_path: Path, content: str) -> None:
    path = tmp_path / "clock.json"
    clock = FileClock(path)
    set_clock_offset(path, offset_seconds=DAY_SECONDS)
    clock.now()
    path.write_text(content)
    assert abs(clock.now_us() / 1e6 - time.time() - DAY_SECONDS) < 60
    set_clock_offset(path, offset_seconds=0)
    assert abs(clock.now_us() / 1e6 - time.time()) < 60


@given(st.integers(0, 4_000_000_000_000_000))
def test_microseconds_survive(moment_us: int) -> None:
    assert to_us(from_us(moment_us)) == moment_us
