"""The books of one account at one moment."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache

from xs2a_bank.banks import BANKS

from .accounts import HOUSEHOLD_SLUGS, SAVINGS_SLUGS, accounts_of
from .foreign import trade_through
from .household import Household
from .model import Account, Movement, Statement, minor_to_decimal
from .savings import save_through


def statement(account: Account, *, now: datetime) -> Statement:
    """Everything booked and pending on the account at `now` (aware): a pure function of its arguments.

    Rows of past days never change. Rows entered on the bank's local today are pending and are booked the next
    day with the same identity. The rows are neutral: what a bank sends of them its dialect decides, in
    `xs2a_bank.berlin_group.present` and `xs2a_bank.bilateral.present`. Accounts come from `accounts_of`.
    """
    today = now.astimezone(BANKS[account.bank].time_zone).date()
    opening_minor, rows = _rows_through(account, today)
    cut = bisect_left(rows, today, key=lambda row: row.day)
    booked, pending = rows[:cut], rows[cut:]
    booked_minor = booked[-1].balance_after_minor if booked else opening_minor
    held_minor = sum(row.amount_minor for row in pending if row.amount_minor < 0)
    return Statement(
        account=account,
        opening_balance=minor_to_decimal(opening_minor),
        booked=tuple(booked),
        pending=tuple(pending),
        booked_balance=minor_to_decimal(booked_minor),
        available_balance=minor_to_decimal(booked_minor + held_minor),
    )


@lru_cache(maxsize=128)
def _rows_through(account: Account, day: date) -> tuple[int, Sequence[Movement]]:
    """(opening balance in hundredths, rows). A cache of a pure function, nothing more."""
    if account.slug in HOUSEHOLD_SLUGS:
        # Only the main account feeds savings, so that each savings account has one source.
        savings = _savings_of(account) if account.slug == "current" else ()
        ledger = Household(account, savings).live_through(day)
    elif account.slug in SAVINGS_SLUGS:
        source = accounts_of(account.bank, account.person)[0]
        _, source_rows = _rows_through(source, day)
        ledger = save_through(account, day, source=source, source_rows=source_rows)
    elif account.slug == "foreign":
        ledger = trade_through(account, day)
    else:
        return 0, ()
    return ledger.opening_minor, tuple(ledger.movements)


def _savings_of(account: Account) -> tuple[Account, ...]:
    return tuple(other for other in accounts_of(account.bank, account.person) if other.slug in SAVINGS_SLUGS)
