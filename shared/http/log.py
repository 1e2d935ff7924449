"""One JSON line a request, as Cloud Logging reads it: ids, timing, codes. No body, query, token or IBAN, ever."""

from __future__ import annotations

from collections.abc import MutableMapping
from functools import cache
from io import FileIO
from typing import Any

import msgspec
import structlog

_STANDARD_OUTPUT = 1


@cache
def logger(function: str) -> structlog.typing.FilteringBoundLogger:
    """Lines on standard output; `severity` and `message` are the names that Cloud Logging knows."""
    bound: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.BytesLogger(FileIO(_STANDARD_OUTPUT, "w", closefd=False)),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _cloud_names,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_encode),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(20),
        cache_logger_on_first_use=True,
        function=function,
    )
    return bound


def _cloud_names(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["severity"] = event.pop("level").upper()
    event["message"] = event.pop("event")
    return event


def _encode(event: dict[str, Any], **_options: Any) -> bytes:
    return msgspec.json.encode(event)
