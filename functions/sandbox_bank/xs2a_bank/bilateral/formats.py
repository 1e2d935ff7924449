"""Dates, times and money as they are written in Sarajevo."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal

from xs2a_bank.banks import Bank
from xs2a_bank.refusals import Reason, Refusal

_DATE = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4})")


def parse_date(text: str, *, name: str) -> date:
    """dd.mm.yyyy"""
    match = _DATE.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        day, month, year = (int(part) for part in match.groups())
        return date(year, month, day)
    except ValueError:
        raise Refusal(Reason.FORMAT_ERROR, f"{name} must be a date, dd.mm.yyyy") from None


def write_date(day: date) -> str:
    return f"{day.day:02d}.{day.month:02d}.{day.year:04d}"


def write_time(moment: datetime, bank: Bank) -> str:
    """Local time without its zone."""
    return moment.astimezone(bank.time_zone).strftime("%Y-%m-%d %H:%M:%S")


def write_money(amount: Decimal) -> str:
    """1.234,56"""
    return f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))
