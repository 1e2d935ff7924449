"""The wait before a retry, as Cloud Tasks and Cloud Scheduler compute it."""

from __future__ import annotations


def retry_delay_us(failures: int, *, min_us: int, max_us: int, max_doublings: int) -> int:
    """Microseconds to wait after the nth failure, n from 1: doubles `max_doublings` times, then grows linearly.

    min 10 s, max 300 s, 3 doublings: 10, 20, 40, 80, 160, 240, 300, 300 s (RetryConfig.max_doublings).
    """
    step = failures - 1
    if step <= max_doublings:
        # 2**63 is beyond any max_us, and spares computing the power after thousands of failures.
        delay_us = min_us << min(step, 63)
    else:
        delay_us = (min_us << min(max_doublings, 63)) * (step - max_doublings + 1)
    return min(delay_us, max_us)
