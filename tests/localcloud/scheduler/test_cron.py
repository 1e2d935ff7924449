from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from localcloud.clock import to_us
from localcloud.grpc_server import Refused
from localcloud.scheduler.cron import Cron

SCHEDULES = (
    "*/5 * * * *",
    "0 2 * * *",
    "30 2 * * *",
    "10 2,3 * * *",
    "0 */3 * * *",
    "15 3 * * SUN",
    "0 0 1 * *",
    "30 1 1,15 * MON",
    "0 9-17 * * 1-5",
)
ZONES = ("UTC", "Europe/Belgrade", "America/New_York", "Australia/Lord_Howe")
SPRING = int(datetime(2026, 3, 29, 1, tzinfo=UTC).timestamp())  # 02:00 becomes 03:00 in Belgrade
AUTUMN = int(datetime(2026, 10, 25, 1, tzinfo=UTC).timestamp())  # 03:00 becomes 02:00 in Belgrade


def at(text: str) -> int:
    return to_us(datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("schedule", "zone", "moment", "latest", "following"),
    [
        ("*/5 * * * *", "", "2026-11-24T10:02:30Z", "2026-11-24T10:00:00Z", "2026-11-24T10:05:00Z"),
        ("*/5 * * * *", "utc", "2026-11-24T10:05:00Z", "2026-11-24T10:05:00Z", "2026-11-24T10:10:00Z"),
        (
            "0 3 * * *",
            "Europe/Belgrade",
            "2026-03-28T12:00:00Z",
            "2026-03-28T03:00:00+01:00",
            "2026-03-29T03:00:00+02:00",
        ),
        # Day of month or day of week: either will do when both are given.
        ("0 0 1 * MON", "", "2026-11-24T00:00:00Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"),
        ("0 0 29 2 *", "", "2026-11-24T00:00:00Z", "2024-02-29T00:00:00Z", "2028-02-29T00:00:00Z"),
    ],
)
def test_ticks(schedule: str, zone: str, moment: str, latest: str, following: str) -> None:
    cron = Cron(schedule, time_zone=zone)
    assert cron.latest_us(at(moment)) == at(latest)
    assert cron.after_us(at(moment)) == at(following)


@given(
    schedule=st.sampled_from(SCHEDULES),
    zone=st.sampled_from(ZONES),
    second=st.integers(1_700_000_000, 1_900_000_000)
    | st.integers(SPRING - 7200, SPRING + 7200)
    | st.integers(AUTUMN - 7200, AUTUMN + 7200),
    microsecond=st.integers(0, 999_999),
)
@example(schedule="10 2,3 * * *", zone="Europe/Belgrade", second=AUTUMN, microsecond=0)
def test_time_never_runs_backwards(schedule: str, zone: str, second: int, microsecond: int) -> None:
    """The latest and the next tick are neighbours around the moment, through changes of time too."""
    cron, moment = Cron(schedule, time_zone=zone), second * 1_000_000 + microsecond
    latest, following = cron.latest_us(moment), cron.after_us(moment)
    assert latest <= moment < following
    assert cron.after_us(latest) == following
    assert cron.latest_us(following) == following


@pytest.mark.parametrize("schedule", ["", "* * * *", "@daily", "0 0 LW * *", "0 0 * * 1#2", "-1 * * * *"])
def test_what_unix_cron_does_not_know_is_refused(schedule: str) -> None:
    with pytest.raises(Refused):
        Cron(schedule, time_zone="UTC")
