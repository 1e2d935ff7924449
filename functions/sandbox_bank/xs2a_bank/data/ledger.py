"""Writes an account's rows in order and keeps its balance."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from functools import lru_cache

from .model import Account, Counterparty, Kind, Movement


class Ledger:
    def __init__(self, *, account: Account, opening_minor: int) -> None:
        self.account = account
        self.opening_minor = opening_minor
        self.balance_minor = opening_minor
        self.movements: list[Movement] = []
        self._day = account.opened_on
        self._number = 0

    def start_day(self, day: date) -> None:
        self._day = day
        self._number = 0

    def write(
        self,
        amount_minor: int,
        kind: Kind,
        counterparty: Counterparty | None,
        remittance: str,
        *,
        reference: str = "",
    ) -> None:
        self.balance_minor += amount_minor
        self.movements.append(
            Movement(
                self.account,
                self._day,
                self._number,
                next_banking_day(self._day),
                amount_minor,
                self.balance_minor,
                kind,
                counterparty,
                remittance,
                reference,
            )
        )
        self._number += 1


@lru_cache(maxsize=4096)
def banking_day_of(year: int, month: int, day: int) -> date:
    """That day, or the Friday before when it falls on a weekend."""
    wanted = date(year, month, day)
    return wanted - timedelta(days=max(0, wanted.weekday() - 4))


def last_banking_day_of(year: int, month: int) -> date:
    return banking_day_of(year, month, monthrange(year, month)[1])


def last_day_of_quarter(day: date) -> date:
    month = (day.month + 2) // 3 * 3
    return date(day.year, month, monthrange(day.year, month)[1])


def next_banking_day(day: date) -> date:
    """The day itself, or the Monday after a weekend: when interbank money moves."""
    weekday = day.weekday()
    return day + timedelta(days=7 - weekday) if weekday > 4 else day
