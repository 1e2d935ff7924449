"""The books of one account at one moment."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache

from xs2a_bank.banks import BANKS

from .accounts import HOUSEHOLD_SLUGS, SAVINGS_SLUGS, accounts_of
from .foreign import trade_through
from .household import Household
from .ledger import last_day_of_quarter
from .model import Account, Movement, Statement, minor_to_decimal
from .quirks import as_they_stand
from .savings import save_through


def statement(account: Account, *, now: datetime) -> Statement:
    """Everything booked and pending on the account at `now` (aware): a pure function of its arguments.

    It is what an aggregator should hold that has read the account at `now`, and often enough before. Rows entered
    on the bank's local today are pending and are booked the next day with the same identity; rows of past days
    never change. The rows are neutral: what a bank sends of them its dialect decides, in
    `xs2a_bank.berlin_group.present` and `xs2a_bank.bilateral.present`. Accounts come from `accounts_of`.

    For persons with a quirk, it is these rows that differ (`data/quirks.py`):

    - `ids-change`: a pending row has ids of its own and a shorter text, both as sent; once booked, the lasting ids
      and the whole text. It is one transaction.
    - `ids-shift`: `has_ids` is false, because the positions that are sent as ids say nothing. `end_to_end_id` lasts.
    - `ids-reused`: two rows, of neighbouring days, have the same ids as sent. They are two transactions.
    - `ids-missing`: `has_ids` is false for card rows.
    - `late`: a late row is pending until it is booked, three days after others of its day; its `day`, which is its
      booking date, stays. Balances change when it is booked.
    - `corrected`: before the correction the first text and value date, after it the corrected ones, same ids.
    - `removed`: booked on the day after its own, gone from the day after that on, from the balances too. An aggregator
      that marks deletions has marked it as removed.
    - `dropped`: all rows, as balances have them. What answers leave out in between tells `is_left_out`: the aggregator
      lacks those rows for so long.
    - `no-balances`: the rows and balances are there; the balances are never sent.
    """
    today = now.astimezone(BANKS[account.bank].time_zone).date()
    opening_minor, booked, pending = _books(account, today)
    booked_minor = opening_minor + sum(row.amount_minor for row in booked)
    held_minor = sum(row.amount_minor for row in pending if row.amount_minor < 0)
    return Statement(
        account=account,
        opening_balance=minor_to_decimal(opening_minor),
        booked=booked,
        pending=pending,
        booked_balance=minor_to_decimal(booked_minor),
        available_balance=minor_to_decimal(booked_minor + held_minor),
    )


@lru_cache(maxsize=128)
def _books(account: Account, today: date) -> tuple[int, tuple[Movement, ...], tuple[Movement, ...]]:
    """(opening balance in hundredths, booked, pending). A cache of a pure function, as the one below."""
    # What follows changes nothing in what was before, so that one calculation serves all days of a quarter.
    opening_minor, rows = _rows_through(account, last_day_of_quarter(today))
    rows = rows[: bisect_right(rows, today, key=lambda row: row.day)]
    return opening_minor, *as_they_stand(account, opening_minor, rows, today=today)


@lru_cache(maxsize=128)
def _rows_through(account: Account, day: date) -> tuple[int, Sequence[Movement]]:
    """(opening balance in hundredths, rows), without quirks."""
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
