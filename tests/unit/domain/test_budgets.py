"""The bank never counts more unattended reads in any 24 hours than it allows, whenever they are tried."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
from hypothesis import given, settings

from shared.domain.budgets import READ_TIME, WINDOW, free_at, interval, remaining, reserve

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)

minutes = st.integers(0, 4 * 24 * 60)


@given(
    st.integers(1, 6),
    st.lists(st.tuples(minutes, st.integers(0, int(READ_TIME.total_seconds() // 60))), max_size=60),
)
@settings(max_examples=300, deadline=None)
def test_the_bank_never_counts_too_many(limit: int, tries: list[tuple[int, int]]) -> None:
    """Each try reaches the bank up to READ_TIME after its reservation."""
    reads: tuple[datetime, ...] = ()
    reached = []
    for minute, late in sorted(tries):
        at = START + timedelta(minutes=minute)
        reserved = reserve(reads, limit=limit, at=at)
        assert (reserved is None) == (remaining(reads, limit=limit, at=at) == 0)
        if reserved is not None:
            reads = reserved
            reached.append(at + timedelta(minutes=late))
    for end in reached:
        assert sum(end - WINDOW < read <= end for read in reached) <= limit


@given(st.integers(1, 6), st.lists(minutes, max_size=20), minutes)
@settings(max_examples=300, deadline=None)
def test_free_at_is_the_first_moment_at_which_a_read_is_free(
    limit: int, tries: list[int], minute: int
) -> None:
    reads: tuple[datetime, ...] = ()
    for number in sorted(tries):
        reads = reserve(reads, limit=limit, at=START + timedelta(minutes=number)) or reads
    at = START + timedelta(minutes=minute)
    free = free_at(reads, limit=limit, at=at)
    assert free >= at
    assert reserve(reads, limit=limit, at=free) is not None
    if free > at:
        assert reserve(reads, limit=limit, at=free - timedelta(milliseconds=1)) is None


def test_a_schedule_at_the_interval_always_finds_a_read_left() -> None:
    for limit in (1, 2, 4, 10):
        reads: tuple[datetime, ...] = ()
        at = START
        for _ in range(30):
            reserved = reserve(reads, limit=limit, at=at)
            assert reserved is not None
            reads, at = reserved, at + interval(limit=limit)


def test_only_what_can_matter_is_kept() -> None:
    reads: tuple[datetime, ...] = ()
    for day in range(50):
        reads = reserve(reads, limit=4, at=START + timedelta(days=2 * day)) or ()
    assert len(reads) == 4
