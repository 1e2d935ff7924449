"""A queue's rate limits and retry settings: defaults, bounds, and partial updates."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from localcloud.grpc_server import Message, invalid, unserved

MAX_RATE_PER_SECOND = 500.0
MAX_CONCURRENT = 5_000

_CONCURRENT_DEFAULT = 1_000
_ATTEMPTS_DEFAULT = 100
_DOUBLINGS_DEFAULT = 16
_MIN_BACKOFF_DEFAULT_US = 100_000
_MAX_BACKOFF_DEFAULT_US = 3_600_000_000
_CONFIGURABLE = ("rate_limits", "retry_config", "stackdriver_logging_config")


def apply_config(asked: Message, queue: Message, *, paths: Collection[str]) -> None:
    """Copy `asked`'s settings at `paths` (all of them when empty) into `queue`, defaults where it says nothing.

    Zero means unspecified unless the path names the field itself: max_doublings 0 is a valid setting. Raises Refused.
    """
    if asked.HasField("app_engine_routing_override") or asked.HasField("http_target"):
        raise unserved("A queue's app_engine_routing_override or http_target")
    wanted = sorted(paths) or list(_CONFIGURABLE)
    for path in wanted:
        if path.partition(".")[0] not in _CONFIGURABLE or not FieldMask(paths=[path]).IsValidForDescriptor(
            asked.DESCRIPTOR
        ):
            raise invalid(f"update_mask names {path!r}, which cannot be updated.")
    source: Any = type(asked)()
    source.CopyFrom(asked)
    _fill_defaults(source, named=paths)
    FieldMask(paths=wanted).MergeMessage(
        source, queue, replace_message_field=True, replace_repeated_field=True
    )
    limits = queue.rate_limits
    # A fifth of the rate and at least 10 is what Cloud Tasks picks: its default queue has 500/s and bursts of 100.
    limits.max_burst_size = max(10, math.ceil(limits.max_dispatches_per_second / 5))
    _check_limits(limits)
    check_retry(queue.retry_config)


def check_retry(retry: Message) -> None:
    if retry.max_attempts < -1:
        raise invalid("retry_config.max_attempts must be -1 (unlimited) or more.")
    if retry.max_doublings < 0:
        raise invalid("retry_config.max_doublings must not be negative.")
    for field in ("max_retry_duration", "min_backoff", "max_backoff"):
        if getattr(retry, field).ToMicroseconds() < 0:
            raise invalid(f"retry_config.{field} must not be negative.")
    if (
        retry.HasField("max_backoff")
        and retry.min_backoff.ToMicroseconds() > retry.max_backoff.ToMicroseconds()
    ):
        raise invalid("retry_config.min_backoff must not be longer than max_backoff.")


def _fill_defaults(queue: Message, *, named: Collection[str]) -> None:
    limits, retry = queue.rate_limits, queue.retry_config
    limits.max_dispatches_per_second = limits.max_dispatches_per_second or MAX_RATE_PER_SECOND
    limits.max_concurrent_dispatches = limits.max_concurrent_dispatches or _CONCURRENT_DEFAULT
    retry.max_attempts = retry.max_attempts or _ATTEMPTS_DEFAULT
    if "retry_config.max_doublings" not in named:
        retry.max_doublings = retry.max_doublings or _DOUBLINGS_DEFAULT
    if not retry.HasField("max_backoff"):
        retry.max_backoff.FromMicroseconds(_MAX_BACKOFF_DEFAULT_US)
    if not retry.HasField("min_backoff"):
        asked_max_us = retry.max_backoff.ToMicroseconds()
        retry.min_backoff.FromMicroseconds(min(_MIN_BACKOFF_DEFAULT_US, asked_max_us))


def _check_limits(limits: Message) -> None:
    if not 0 < limits.max_dispatches_per_second <= MAX_RATE_PER_SECOND:
        raise invalid(
            f"rate_limits.max_dispatches_per_second must be above 0 and at most {MAX_RATE_PER_SECOND:g}."
        )
    if not 0 < limits.max_concurrent_dispatches <= MAX_CONCURRENT:
        raise invalid(f"rate_limits.max_concurrent_dispatches must be between 1 and {MAX_CONCURRENT}.")
