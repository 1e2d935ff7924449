from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.banks.failures import retry_at

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("120", NOW + timedelta(seconds=120)),
        (" 0 ", NOW),
        ("Tue, 24 Nov 2026 11:30:00 GMT", datetime(2026, 11, 24, 11, 30, tzinfo=UTC)),
        ("Tue, 24 Nov 2026 11:30:00 +0100", datetime(2026, 11, 24, 10, 30, tzinfo=UTC)),
        ("Mon, 23 Nov 2026 11:30:00 GMT", NOW),
        ("99999999", NOW + timedelta(days=2)),
        ("9" * 400, None),
        ("-5", None),
        ("soon", None),
        ("", None),
        ("٣", None),
        (None, None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(header: str | None, expected: datetime | None) -> None:
    assert retry_at(header, now=NOW) == expected
