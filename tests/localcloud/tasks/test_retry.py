from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from localcloud.tasks.messages import RetryConfig
from localcloud.tasks.retry import next_attempt_us
from localcloud.tasks.store import Progress

SECOND_US = 1_000_000
DAY_US = 24 * 3600 * SECOND_US
FIRST = Progress(
    due_us=0,
    created_us=0,
    dispatches=1,
    responses=0,
    executions=0,
    first_dispatch_us=0,
    last_schedule_us=0,
    last_dispatch_us=0,
    last_response_us=None,
    last_http_status=None,
    last_code=None,
    last_reason=None,
)


def config(*, max_attempts: int, max_retry_seconds: int) -> RetryConfig:
    made = RetryConfig(max_attempts=max_attempts, max_doublings=16)
    made.max_retry_duration.FromTimedelta(timedelta(seconds=max_retry_seconds))
    made.min_backoff.FromTimedelta(timedelta(seconds=1))
    made.max_backoff.FromTimedelta(timedelta(seconds=60))
    return made


@pytest.mark.parametrize(
    ("max_attempts", "max_retry_seconds", "attempts", "elapsed_seconds", "goes_on"),
    [
        (3, 0, 2, 1_000_000, True),
        (3, 0, 3, 1, False),
        (-1, 10, 1000, 9, True),
        (-1, 10, 1, 10, False),
        (3, 10, 3, 9, True),
        (3, 10, 2, 11, True),
        (3, 10, 3, 10, False),
        (-1, 0, 100_000, 30 * 24 * 3600, True),
        (-1, 0, 1, 31 * 24 * 3600, False),
    ],
)
def test_when_a_task_is_given_up(
    max_attempts: int, max_retry_seconds: int, attempts: int, elapsed_seconds: int, goes_on: bool
) -> None:
    following = next_attempt_us(
        config(max_attempts=max_attempts, max_retry_seconds=max_retry_seconds),
        replace(FIRST, dispatches=attempts),
        now_us=elapsed_seconds * SECOND_US,
        retry_after_seconds=0,
    )
    assert (following is not None) == goes_on


def test_the_wait_is_the_longer_of_backoff_and_retry_after() -> None:
    settings = config(max_attempts=-1, max_retry_seconds=0)
    for retry_after_seconds, waited in ((0.0, 4), (3.0, 4), (5.0, 5), (3600.0, 3600)):
        following = next_attempt_us(
            settings,
            replace(FIRST, dispatches=3),
            now_us=DAY_US,
            retry_after_seconds=retry_after_seconds,
        )
        assert following == DAY_US + waited * SECOND_US
