"""What an error reply must say."""

from __future__ import annotations

import httpx


def refused(reply: httpx.Response, *fields: str) -> None:
    """A VALIDATION_ERROR that names one of `fields`."""
    has_code(reply, 400, "VALIDATION_ERROR")
    error = reply.json()["error"]
    assert {detail["field"] for detail in error["details"]} <= set(fields), reply.text[:1000]


def has_code(reply: httpx.Response, status: int, code: str) -> None:
    shown = f"{reply.request.method} {reply.request.url} answered {reply.status_code}: {reply.text[:1000]}"
    assert reply.status_code == status, shown
    assert reply.json()["error"]["code"] == code, shown
