"""A savings account mirrors what the household's account puts aside, and earns interest each quarter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from xs2a_bank.banks import BANKS

from .ledger import Ledger, last_banking_day_of
from .locales import LOCALES
from .model import Account, Counterparty, Movement

YEARLY_INTEREST_PERCENT = 2
OPENING_UNITS = 1_800


def save_through(account: Account, day: date, *, source: Account, source_rows: Sequence[Movement]) -> Ledger:
    locale = LOCALES[BANKS[account.bank].country]
    ledger = Ledger(account=account, opening_minor=round(OPENING_UNITS * locale.unit_minor / 1000) * 1000)
    household = Counterparty(source.holder, source.iban)
    due: defaultdict[date, list[Movement]] = defaultdict(list)
    for row in source_rows:
        if row.counterparty is not None and row.counterparty.iban == account.iban:
            due[row.day].append(row)
    days = set(due) | set(_quarter_ends(account.opened_on, day))
    for today in sorted(today for today in days if today <= day):
        ledger.start_day(today)
        for row in due.get(today, ()):
            ledger.write(-row.amount_minor, "transfer", household, row.remittance)
        if _is_quarter_end(today):
            interest = ledger.balance_minor * YEARLY_INTEREST_PERCENT // 400
            ledger.write(interest, "interest", None, locale.texts.interest)
    return ledger


def _quarter_ends(first: date, last: date) -> list[date]:
    return [
        last_banking_day_of(year, month)
        for year in range(first.year, last.year + 1)
        for month in (3, 6, 9, 12)
    ]


def _is_quarter_end(day: date) -> bool:
    return day.month % 3 == 0 and day == last_banking_day_of(day.year, day.month)
