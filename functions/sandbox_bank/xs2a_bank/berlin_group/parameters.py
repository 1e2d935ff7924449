"""Query parameters, read strictly: each at most once, each in its format."""

from __future__ import annotations

from datetime import date

from flask import request

from xs2a_bank.refusals import Reason, Refusal


def single(name: str) -> str | None:
    values = request.args.getlist(name)
    if len(values) > 1:
        raise Refusal(Reason.FORMAT_ERROR, f"{name} is given more than once", path=name)
    return values[0] if values else None


def flag(name: str) -> bool:
    value = single(name)
    if value not in (None, "true", "false"):
        raise Refusal(Reason.FORMAT_ERROR, f"{name} must be true or false", path=name)
    return value == "true"


def day(name: str) -> date | None:
    value = single(name)
    if value is None:
        return None
    try:
        if len(value) != 10:
            raise ValueError
        return date.fromisoformat(value)
    except ValueError:
        raise Refusal(Reason.FORMAT_ERROR, f"{name} must be a date, YYYY-MM-DD", path=name) from None
