from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.http.task_lag import lag_seconds

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def test_from_when_the_task_was_to_run_to_now() -> None:
    assert lag_seconds(f"{NOW.timestamp() - 90.5:.6f}", now=NOW) == 90.5


def test_clocks_that_differ_make_no_negative_lag() -> None:
    assert lag_seconds(f"{NOW.timestamp() + 2}", now=NOW) == 0


@pytest.mark.parametrize("header", [None, "", "soon", "nan", "-inf"])
def test_what_is_no_time_has_no_lag(header: str | None) -> None:
    assert lag_seconds(header, now=NOW) is None
