"""The limiter of one instance: store trips, failures, clocks, headers."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.rate_limits import LIMITS, Charge, Tally
from shared.http.log import logger
from shared.http.rate_limit import RateLimiter, rate_limit_headers
from tests.fakes.clock import FakeClock
from tests.fakes.rate_limits import FakeRateLimits

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
RESET = str(int((START + timedelta(minutes=1)).timestamp()))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(START)


@pytest.fixture
def store() -> FakeRateLimits:
    return FakeRateLimits()


@pytest.fixture
def limiter(store: FakeRateLimits, clock: FakeClock) -> RateLimiter:
    return RateLimiter(store, clock=clock, log=logger("test"))


def logged(capfdbinary: pytest.CaptureFixture[bytes]) -> list[str]:
    return [json.loads(line)["message"] for line in capfdbinary.readouterr().out.splitlines()]


def test_organisations_have_limits_of_their_own(limiter: RateLimiter) -> None:
    for _ in range(10):
        assert limiter.take("org_1", "free").refused_by is None
    assert limiter.take("org_1", "free").refused_by == "burst"
    assert limiter.take("org_2", "free").refused_by is None


def test_a_refusal_that_is_known_here_costs_no_trip(limiter: RateLimiter, store: FakeRateLimits) -> None:
    for _ in range(11):
        limiter.take("org_1", "free")
    trips = store.trips
    for _ in range(100):
        assert limiter.take("org_1", "free").refused_by == "burst"
    assert store.trips == trips


def test_another_tier_counts_from_the_next_request_on(limiter: RateLimiter, clock: FakeClock) -> None:
    for _ in range(11):
        last = limiter.take("org_1", "free")
    assert last.refused_by == "burst"
    clock.move(timedelta(seconds=1))
    raised = [limiter.take("org_1", "enterprise") for _ in range(40)]
    assert {verdict.refused_by for verdict in raised} == {None}
    assert raised[-1].remaining == 1_000 - 10 - 40
    lowered = [limiter.take("org_1", "free") for _ in range(30)]
    assert lowered[-1].refused_by is not None
    assert lowered[-1].limit == LIMITS["free"]


def test_threads_share_one_instances_tokens(limiter: RateLimiter, store: FakeRateLimits) -> None:
    with ThreadPoolExecutor(16) as threads:
        verdicts = list(threads.map(lambda _: limiter.take("org_1", "pro"), range(200)))
    assert sum(verdict.refused_by is None for verdict in verdicts) == 50


def test_with_the_store_down_each_instance_counts_for_itself_and_says_so(
    limiter: RateLimiter, store: FakeRateLimits, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    for _ in range(4):
        limiter.take("org_1", "free")
    store.is_down = True
    verdicts = [limiter.take("org_1", "free") for _ in range(8)]
    assert [verdict.refused_by for verdict in verdicts] == [None] * 6 + ["burst"] * 2
    assert verdicts[0].remaining == 55, "it goes on from where the store was last known to stand"
    assert logged(capfdbinary) == ["limiter_degraded"] * 7


def test_a_store_that_failed_is_not_waited_for_by_that_organisation_for_a_second(
    limiter: RateLimiter, store: FakeRateLimits, clock: FakeClock
) -> None:
    store.is_down = True
    for _ in range(5):
        limiter.take("org_1", "enterprise")
    assert store.trips == 1
    store.is_down = False
    limiter.take("org_2", "enterprise")
    assert store.counts, "what slows one organisation's charges does not loosen another's limit"
    clock.move(timedelta(seconds=1))
    limiter.take("org_1", "enterprise")
    assert store.trips == 3


def test_a_clock_that_is_wrong_is_set_by_the_stores(
    store: FakeRateLimits, clock: FakeClock, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    hour_us = 3_600_000_000
    store.skew_us = -hour_us
    limiter = RateLimiter(store, clock=clock, log=logger("test"))
    for _ in range(11):
        limiter.take("org_1", "free")
        store.skew_us = 0
    assert logged(capfdbinary) == ["clock_skew", "limiter_reset"], "what it left in the store is undone too"
    told = limiter.take("org_1", "free")
    assert told.now_us == int(START.timestamp()) * 1_000_000 - hour_us


def test_what_a_wrong_clock_left_in_the_store_is_forgotten(
    limiter: RateLimiter, store: FakeRateLimits, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    day_ahead = int((START + timedelta(days=1)).timestamp() * 1_000_000)
    store.tats["org_1"] = day_ahead
    assert limiter.take("org_1", "free").refused_by is None
    assert logged(capfdbinary) == ["limiter_reset"]
    assert "org_1" not in store.tats
    assert limiter.take("org_1", "free").refused_by is None
    assert store.tats["org_1"] < day_ahead


def test_memory_stays_bounded(limiter: RateLimiter) -> None:
    for number in range(10_100):
        limiter.take(f"org_{number}", "free")
    assert len(limiter._entries) == 10_000


def test_headers_of_a_request_that_is_let_in(limiter: RateLimiter) -> None:
    headers = dict(rate_limit_headers(limiter.take("org_1", "pro")))
    assert headers == {
        "X-RateLimit-Limit": "300",
        "X-RateLimit-Remaining": "299",
        "X-RateLimit-Reset": RESET,
        "RateLimit-Policy": '"burst";q=50;w=10, "minute";q=300;w=60',
        "RateLimit": '"burst";r=49;t=1, "minute";r=299;t=60',
    }


def test_headers_of_a_refusal_name_the_policy_that_refused(limiter: RateLimiter, clock: FakeClock) -> None:
    for _ in range(11):
        refused = limiter.take("org_1", "free")
    headers = dict(rate_limit_headers(refused))
    assert (headers["X-RateLimit-Remaining"], headers["RateLimit"]) == ("50", '"burst";r=0;t=1')
    for _ in range(50):
        clock.move(timedelta(seconds=1))
        limiter.take("org_1", "free")
    clock.move(timedelta(seconds=2))
    headers = dict(rate_limit_headers(limiter.take("org_1", "free")))
    assert (headers["X-RateLimit-Remaining"], headers["RateLimit"]) == ("0", '"minute";r=0;t=8')
    assert headers["X-RateLimit-Reset"] == RESET


def test_a_store_that_answers_late_costs_one_trip_for_all_who_wait(clock: FakeClock) -> None:
    """Whoever comes while a charge is on its way is charged for by the next, all at once."""
    arrived = ThreadPoolExecutor(9)

    class Slow(FakeRateLimits):
        def charge(self, organisation_id: str, charge: Charge, *, interval_us: int) -> Tally:
            if self.trips == 0:
                entry = limiter._entries[organisation_id]
                waiters.extend(arrived.submit(limiter.take, organisation_id, "pro") for _ in range(8))
                while entry.waiting < 9:
                    pass
            return super().charge(organisation_id, charge, interval_us=interval_us)

    waiters: list[object] = []
    store = Slow()
    limiter = RateLimiter(store, clock=clock, log=logger("test"))
    limiter.take("org_1", "pro")
    arrived.shutdown(wait=True)
    assert len(waiters) == 8
    assert store.trips == 2
