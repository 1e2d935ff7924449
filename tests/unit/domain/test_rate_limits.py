"""A calendar-minute count and a token bucket at once, by arithmetic alone."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.organisations import Tier
from shared.domain.rate_limits import (
    LEASE_US,
    LIMITS,
    MINUTE_US,
    Charge,
    Limit,
    Meter,
    Tally,
    Verdict,
    is_astray,
)
from tests.fakes.rate_limits import FakeRateLimits

START_US = 29_400_000 * MINUTE_US
tiers = st.sampled_from(get_args(Tier))
gaps_us = st.lists(st.one_of(st.integers(0, 50_000), st.integers(0, 20_000_000)), min_size=1, max_size=300)


class Instance:
    """A meter with a store that answers at once."""

    def __init__(self, limit: Limit, store: FakeRateLimits | None = None) -> None:
        self.limit = limit
        self.store = store or FakeRateLimits()
        self.meter = Meter()

    def take(self, now_us: int) -> Verdict:
        begun = self.meter.begin(self.limit, now_us=now_us)
        if isinstance(begun, Verdict):
            return begun
        tally = self.store.charge("org", begun, interval_us=self.limit.interval_us)
        verdict, refund = self.meter.settle(self.limit, begun, tally)
        if refund is not None:
            self.store.give_back("org", refund)
        return verdict

    def admitted(self, now_us: int, requests: int) -> int:
        return sum(self.take(now_us).refused_by is None for _ in range(requests))


def use_until_some_are_held(instance: Instance, now_us: int) -> int:
    """How many requests it took until the instance had tokens that nobody has used yet."""
    used = 0
    while used < 60 or sum(instance.store.counts.values()) < used + 3:
        assert instance.take(now_us).refused_by is None
        used += 1
    return used


def test_the_tiers_are_the_overviews() -> None:
    printed = {"free": (60, 10), "pro": (300, 50), "enterprise": (1_000, 200)}
    assert {tier: (limit.per_minute, limit.burst) for tier, limit in LIMITS.items()} == printed
    assert all(MINUTE_US % limit.per_minute == 0 for limit in LIMITS.values())


@pytest.mark.parametrize("tier", get_args(Tier))
def test_a_full_bucket_lets_the_burst_in_and_then_one_an_interval(tier: Tier) -> None:
    limit = LIMITS[tier]
    instance = Instance(limit)
    assert instance.admitted(START_US, limit.burst + 50) == limit.burst
    assert instance.admitted(START_US + limit.interval_us - 1, 5) == 0
    assert instance.admitted(START_US + limit.interval_us, 5) == 1
    assert instance.admitted(START_US + 4 * limit.interval_us, 5) == 3


@pytest.mark.parametrize("tier", get_args(Tier))
def test_a_minute_that_is_used_up_begins_anew_with_the_next(tier: Tier) -> None:
    limit = LIMITS[tier]
    instance = Instance(limit)
    times = range(START_US, START_US + MINUTE_US, limit.interval_us // 2)
    assert sum(instance.take(now_us).refused_by is None for now_us in times) == limit.per_minute
    refused = instance.take(START_US + MINUTE_US - 1)
    assert (refused.refused_by, refused.remaining, refused.retry_after_seconds) == ("minute", 0, 1)
    assert refused.reset_seconds == (START_US + MINUTE_US) // 1_000_000
    assert instance.take(START_US + MINUTE_US).refused_by is None


def test_what_a_minute_refuses_waits_for_its_end() -> None:
    instance = Instance(LIMITS["free"])
    for second in range(51):
        instance.admitted(START_US + second * 1_000_000, 11)
    refused = instance.take(START_US + 50_500_000)
    assert (refused.refused_by, refused.retry_after_seconds) == ("minute", 10)


@pytest.mark.parametrize("tier", get_args(Tier))
def test_retry_after_leads_to_success(tier: Tier) -> None:
    limit = LIMITS[tier]
    instance = Instance(limit)
    now_us, refusals = START_US + 123_456, 0
    while now_us < START_US + 3 * MINUTE_US:
        verdict = instance.take(now_us)
        if verdict.refused_by is not None:
            refusals += 1
            now_us += verdict.retry_after_seconds * 1_000_000
            assert instance.take(now_us).refused_by is None
        now_us += limit.interval_us // 3
    assert refusals > 3


def test_remaining_counts_down_whether_a_token_was_held_or_not() -> None:
    limit = LIMITS["enterprise"]
    instance = Instance(limit)
    told = [instance.take(START_US + number).remaining for number in range(limit.burst)]
    assert told == list(range(limit.per_minute - 1, limit.per_minute - 1 - limit.burst, -1))
    assert instance.store.trips < limit.burst // 4, "leases save trips"


def test_a_quiet_organisation_takes_no_lease() -> None:
    instance = Instance(LIMITS["enterprise"])
    for second in range(50):
        instance.take(START_US + second * 1_000_000)
    assert instance.store.trips == 50
    assert instance.store.counts == {("org", START_US // MINUTE_US): 50}


def test_no_more_tokens_are_told_than_a_bucket_holds() -> None:
    """Where a lease is left and the bucket has filled up behind it."""
    limit = LIMITS["enterprise"]
    for used in range(1, 60):
        instance = Instance(limit)
        instance.admitted(START_US, used)
        assert instance.take(START_US + LEASE_US - 1).tokens <= limit.burst


def test_a_lease_that_is_not_used_is_given_back() -> None:
    instance = Instance(LIMITS["enterprise"])
    used, minute = use_until_some_are_held(instance, START_US), START_US // MINUTE_US
    assert instance.store.counts["org", minute] > used
    instance.take(START_US + 10 * LEASE_US)
    assert instance.store.counts["org", minute] == used + 1


def test_what_a_lease_leaves_over_goes_back_into_a_bucket_that_never_was_full() -> None:
    limit = LIMITS["enterprise"]
    instance = Instance(limit)
    use_until_some_are_held(instance, START_US)
    instance.take(START_US + LEASE_US)
    counted = instance.store.counts["org", START_US // MINUTE_US]
    assert instance.store.tats["org"] == START_US + counted * limit.interval_us


def test_a_bucket_that_was_full_in_the_meantime_gets_nothing_back() -> None:
    limit = LIMITS["enterprise"]
    instance = Instance(limit)
    use_until_some_are_held(instance, START_US)
    instance.take(START_US + 20 * LEASE_US)
    assert instance.store.tats["org"] == START_US + 20 * LEASE_US + limit.interval_us


def test_a_lease_is_not_used_in_the_next_minute() -> None:
    instance = Instance(LIMITS["enterprise"])
    use_until_some_are_held(instance, START_US + MINUTE_US - 300_000)
    trips = instance.store.trips
    instance.take(START_US + MINUTE_US)
    assert instance.store.trips == trips + 1
    assert instance.store.counts["org", START_US // MINUTE_US + 1] >= 1


def test_what_waits_is_charged_for_together() -> None:
    meter, limit = Meter(), LIMITS["free"]
    begun = meter.begin(limit, now_us=START_US, waiting=4)
    assert isinstance(begun, Charge)
    assert begun.tokens == 4


def test_of_a_charge_that_is_refused_in_part_the_rest_goes_back() -> None:
    limit, meter = LIMITS["enterprise"], Meter()
    charge = Charge(now_us=START_US, tokens=20, unused=0)
    near_empty = START_US + (limit.burst - 3) * limit.interval_us
    tally = Tally(tat_us=near_empty, minute=charge.minute, count=500, committed_us=START_US)
    verdict, refund = meter.settle(limit, charge, tally)
    assert refund is not None
    assert (refund.tokens, refund.tat_us) == (17, 17 * limit.interval_us)
    assert (verdict.refused_by, verdict.remaining) == (None, 1_000 - 500 - 1)


def test_a_token_that_the_minute_refuses_does_not_go_back_into_the_bucket() -> None:
    """It may be full by then, and would hold more than the burst."""
    limit, meter = LIMITS["enterprise"], Meter()
    charge = Charge(now_us=START_US, tokens=20, unused=0)
    tally = Tally(tat_us=START_US, minute=charge.minute, count=995, committed_us=START_US)
    _, refund = meter.settle(limit, charge, tally)
    assert refund is not None
    assert (refund.tokens, refund.tat_us) == (15, 0)


def test_others_charges_that_are_about_to_go_back_do_not_block_for_longer_than_an_interval() -> None:
    limit, meter = LIMITS["free"], Meter()
    charge = Charge(now_us=START_US, tokens=1, unused=0)
    inflated = START_US + (limit.burst + 40) * limit.interval_us
    tally = Tally(tat_us=inflated, minute=charge.minute, count=12, committed_us=START_US)
    verdict, _ = meter.settle(limit, charge, tally)
    assert (verdict.refused_by, verdict.retry_after_seconds) == ("burst", 1)
    assert isinstance(meter.begin(limit, now_us=START_US + limit.interval_us), Charge)


@given(tier=tiers, gaps_us=gaps_us)
def test_alone_the_limits_are_the_same_with_and_without_the_store(tier: Tier, gaps_us: list[int]) -> None:
    limit = LIMITS[tier]
    instance, alone, now_us = Instance(limit), Meter(), START_US
    for gap_us in gaps_us:
        now_us += gap_us
        verdict = instance.take(now_us)
        counted_here = alone.without_store(limit, now_us=now_us)
        if instance.store.trips == 0 or limit.lease_max == 1:
            assert (verdict.refused_by is None) == (counted_here.refused_by is None)


@given(tier=tiers, gaps_us=gaps_us, instances=st.integers(1, 5))
def test_no_minute_and_no_window_lets_in_more(tier: Tier, gaps_us: list[int], instances: int) -> None:
    limit, store = LIMITS[tier], FakeRateLimits()
    meters = [Instance(limit, store) for _ in range(instances)]
    now_us, admitted = START_US, []
    for number, gap_us in enumerate(gaps_us):
        now_us += gap_us
        verdict = meters[number % instances].take(now_us)
        assert 0 <= verdict.remaining < limit.per_minute
        assert 0 <= verdict.tokens <= limit.burst
        if verdict.refused_by is None:
            admitted.append(now_us)
    for minute in {at // MINUTE_US for at in admitted}:
        assert sum(at // MINUTE_US == minute for at in admitted) <= limit.per_minute
    for first, since in enumerate(admitted):
        for last in range(first, len(admitted)):
            window_us = admitted[last] - since
            assert last - first + 1 <= limit.burst + (window_us + LEASE_US) // limit.interval_us + 1


@given(tier=tiers, behind_us=st.integers(0, 12_000_000))
def test_a_lower_tier_has_no_debt_from_a_higher_one(tier: Tier, behind_us: int) -> None:
    """The TAT is time, and time is the same in every tier."""
    store = FakeRateLimits()
    store.tats["org"] = START_US + behind_us
    verdict = Instance(LIMITS[tier], store).take(START_US + 12_000_000)
    assert verdict.refused_by is None


def test_a_state_that_only_a_wrong_clock_makes_is_known() -> None:
    charge = Charge(now_us=START_US, tokens=1, unused=0)
    minute = charge.minute
    right = Tally(tat_us=START_US + 60_000_000, minute=minute, count=0, committed_us=START_US)
    assert not is_astray(charge, right)
    ahead = Tally(tat_us=START_US + 3_600_000_000, minute=minute, count=0, committed_us=START_US)
    assert is_astray(charge, ahead)
    later = Tally(tat_us=START_US, minute=minute + 4, count=0, committed_us=START_US)
    assert is_astray(charge, later)
