from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from localcloud.backoff import retry_delay_us


def test_googles_own_example() -> None:
    delays = [retry_delay_us(n, min_us=10, max_us=300, max_doublings=3) for n in range(1, 9)]
    assert delays == [10, 20, 40, 80, 160, 240, 300, 300]


def test_without_doublings_it_grows_linearly() -> None:
    assert [retry_delay_us(n, min_us=10, max_us=35, max_doublings=0) for n in range(1, 5)] == [10, 20, 30, 35]


@given(
    failures=st.integers(1, 1_000_000),
    min_us=st.integers(0, 10**9),
    max_us=st.integers(0, 10**12),
    max_doublings=st.integers(0, 1_000_000),
)
def test_it_never_shrinks_and_never_exceeds_the_maximum(
    failures: int, min_us: int, max_us: int, max_doublings: int
) -> None:
    now, then = (
        retry_delay_us(n, min_us=min_us, max_us=max_us, max_doublings=max_doublings)
        for n in (failures, failures + 1)
    )
    assert 0 <= now <= then <= max_us
