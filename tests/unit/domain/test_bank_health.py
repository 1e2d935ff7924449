from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.bank_health import (
    FAILURES_TO_OPEN,
    OPEN_FIRST,
    OPEN_MAX,
    PROBE_AWAITED,
    PROBE_LASTS,
    QUIET_SUCCESS_NOTED_EVERY,
    RETRY_AFTER_MAX,
    SUCCESS_NOTED_EVERY,
    BankHealth,
    answered,
    failed,
    open_for,
    succeeded,
    verdict,
)

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
NEW = BankHealth(bank_id="any-bank")


def after_failures(count: int, health: BankHealth = NEW, at: datetime = NOW) -> BankHealth:
    for _ in range(count):
        health = failed(health, at=at, retry_at=None, jitter=1.0)
    return health


def test_the_fifth_failure_in_a_row_opens() -> None:
    four = after_failures(FAILURES_TO_OPEN - 1)
    assert verdict(four, at=NOW).refused_until is None
    assert (four.status(at=NOW), four.since(at=NOW)) == ("degraded", NOW)
    five = after_failures(FAILURES_TO_OPEN)
    assert verdict(five, at=NOW).refused_until == NOW + OPEN_FIRST
    assert (five.status(at=NOW), five.since(at=NOW)) == ("down", NOW)


def test_a_success_between_starts_the_row_anew() -> None:
    health = succeeded(after_failures(FAILURES_TO_OPEN - 1), at=NOW)
    assert health.status(at=NOW) == "operational"
    assert verdict(after_failures(FAILURES_TO_OPEN - 1, health), at=NOW).refused_until is None


def test_half_open_lets_one_probe_through_and_another_when_that_one_died() -> None:
    opened = after_failures(FAILURES_TO_OPEN)
    later = NOW + OPEN_FIRST
    assert opened.status(at=later) == "degraded"
    assert opened.since(at=later) == later
    probing = verdict(opened, at=later).probing
    assert probing is not None
    second = verdict(probing, at=later)
    assert (second.refused_until, second.probing) == (later + PROBE_AWAITED, None)
    third = verdict(probing, at=later + PROBE_LASTS)
    assert third.refused_until is None
    assert third.probing is not None


def test_a_failed_probe_opens_for_longer_and_a_good_one_closes() -> None:
    opened = after_failures(FAILURES_TO_OPEN)
    later = NOW + OPEN_FIRST
    again = failed(opened, at=later, retry_at=None, jitter=1.0)
    assert again.open_until == later + 2 * OPEN_FIRST
    assert (again.status(at=later), again.since(at=later)) == ("down", NOW), "down since it first opened"
    closed = succeeded(opened, at=later)
    assert (closed.status(at=later), closed.since(at=later)) == ("operational", later)
    assert closed.last_success_at == later
    assert verdict(closed, at=later).refused_until is None


def test_a_failure_of_one_under_way_when_it_opened_changes_nothing() -> None:
    opened = after_failures(FAILURES_TO_OPEN)
    assert failed(opened, at=NOW, retry_at=None, jitter=1.0) is opened


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_it_is_open_for_30_seconds_to_15_minutes_less_the_jitter(opened: int, jitter: float) -> None:
    assert OPEN_FIRST * 0.1 <= open_for(opened, jitter=jitter) <= OPEN_MAX


def test_the_banks_own_word_counts_when_it_is_later_and_not_absurd() -> None:
    four = after_failures(FAILURES_TO_OPEN - 1)
    for retry_at, until in (
        (NOW + timedelta(hours=1), NOW + timedelta(hours=1)),
        (NOW + timedelta(seconds=1), NOW + OPEN_FIRST),
        (NOW + timedelta(days=9), NOW + RETRY_AFTER_MAX),
    ):
        assert failed(four, at=NOW, retry_at=retry_at, jitter=1.0).open_until == until


def test_successes_of_a_healthy_bank_are_stored_every_few_minutes_only() -> None:
    first = succeeded(NEW, at=NOW)
    assert first is not NEW
    almost = NOW + SUCCESS_NOTED_EVERY - timedelta(milliseconds=1)
    assert succeeded(first, at=almost) is first
    assert succeeded(first, at=NOW + SUCCESS_NOTED_EVERY).last_success_at == NOW + SUCCESS_NOTED_EVERY
    assert first.since(at=NOW) is None, "it has never been otherwise"


def test_without_news_they_are_stored_once_a_day_and_never_late_when_it_had_failed() -> None:
    first = succeeded(NEW, at=NOW, is_news=False)
    assert first.last_success_at == NOW, "the very first"
    almost = NOW + QUIET_SUCCESS_NOTED_EVERY - timedelta(milliseconds=1)
    assert succeeded(first, at=almost, is_news=False) is first
    day_later = NOW + QUIET_SUCCESS_NOTED_EVERY
    assert succeeded(first, at=day_later, is_news=False).last_success_at == day_later
    ill = failed(first, at=NOW, retry_at=None, jitter=1.0)
    assert succeeded(ill, at=NOW, is_news=False).status(at=NOW) == "operational"


def test_a_bank_that_says_no_to_one_psu_is_there() -> None:
    assert answered(NEW, at=NOW) is NEW
    back = answered(after_failures(FAILURES_TO_OPEN), at=NOW)
    assert (back.status(at=NOW), back.last_success_at) == ("operational", None)
