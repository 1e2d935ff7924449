"""When a failed task is tried again, if at all."""

from __future__ import annotations

from localcloud.backoff import retry_delay_us
from localcloud.grpc_server import Message
from localcloud.tasks.messages import RetryConfig
from localcloud.tasks.store import Progress

RETENTION_US = 31 * 24 * 3600 * 1_000_000


def retry_config_of(task: Message, queue: Message) -> Message:
    """The queue's settings, overridden by what the task itself sets."""
    config = RetryConfig()
    config.CopyFrom(queue.retry_config)
    config.MergeFrom(task.retry_config)
    return config


def next_attempt_us(
    config: Message, progress: Progress, *, now_us: int, retry_after_seconds: float
) -> int | None:
    """The time of the next attempt, or None when it was the last: both limits reached, or the task too old.

    A limit that is not set (max_attempts -1, max_retry_duration 0) leaves the decision to the other.
    """
    if now_us - progress.created_us >= RETENTION_US:
        return None
    attempts_limited = config.max_attempts > 0
    duration_us = config.max_retry_duration.ToMicroseconds()
    attempts_spent = progress.dispatches >= config.max_attempts
    first_us = progress.first_dispatch_us if progress.first_dispatch_us is not None else now_us
    duration_spent = now_us - first_us >= duration_us
    if attempts_limited or duration_us:
        spent = (attempts_spent or not attempts_limited) and (duration_spent or not duration_us)
        if spent:
            return None
    delay_us = retry_delay_us(
        progress.dispatches,
        min_us=config.min_backoff.ToMicroseconds(),
        max_us=config.max_backoff.ToMicroseconds(),
        max_doublings=config.max_doublings,
    )
    return now_us + max(delay_us, round(retry_after_seconds * 1_000_000))
