from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from localcloud.tasks.lane import Lane


def spend(lane: Lane, *, rate: float, burst: int, now: float) -> int:
    room = lane.room(rate=rate, burst=burst, concurrent=1000, now=now)
    for _ in range(room):
        lane.take()
        lane.running -= 1
    return room


def test_the_bucket_starts_full_and_refills_at_the_rate() -> None:
    lane = Lane(burst=10, now=0)
    assert [spend(lane, rate=4, burst=10, now=now) for now in (0, 0, 0.5, 1, 100)] == [10, 0, 2, 2, 10]


def test_the_time_to_the_next_token_is_told() -> None:
    lane = Lane(burst=10, now=0)
    spend(lane, rate=4, burst=10, now=0)
    assert lane.seconds_to_token(rate=4) == 0.25


def test_concurrency_bounds_what_may_start() -> None:
    lane = Lane(burst=10, now=0)
    for _ in range(3):
        lane.take()
    assert lane.room(rate=4, burst=10, concurrent=5, now=0) == 2


def test_429_and_503_slow_down_once_a_second_and_success_recovers() -> None:
    lane = Lane(burst=1, now=0)
    spend(lane, rate=100, burst=1, now=0)
    for status in (429, 503, 429):
        lane.note_answer(status, now=0)
    assert lane.seconds_to_token(rate=100) == 0.02
    lane.note_answer(500, now=2)
    assert lane.seconds_to_token(rate=100) == 0.02
    lane.note_answer(503, now=2)
    assert lane.seconds_to_token(rate=100) == 0.04
    for _ in range(30):
        lane.note_answer(200, now=3)
    assert lane.seconds_to_token(rate=100) == 0.01


def test_it_never_slows_below_one_a_second_or_the_queues_own_rate() -> None:
    for rate, slowest in ((500.0, 1.0), (0.5, 2.0)):
        lane = Lane(burst=1, now=0)
        spend(lane, rate=rate, burst=1, now=0)
        for second in range(100):
            lane.note_answer(503, now=second)
        assert lane.seconds_to_token(rate=rate) == slowest


@given(
    rate=st.floats(0.1, 500),
    steps=st.lists(st.floats(0, 5), min_size=1, max_size=50),
)
def test_never_more_than_the_burst_and_the_rate(rate: float, steps: list[float]) -> None:
    lane, now, started = Lane(burst=10, now=0), 0.0, 0
    for step in steps:
        now += step
        started += spend(lane, rate=rate, burst=10, now=now)
        assert started <= 10 + rate * now + 1e-6
