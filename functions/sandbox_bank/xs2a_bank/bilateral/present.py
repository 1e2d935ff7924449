"""The bank's books in the bilateral JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from xs2a_bank.banks import BANKS
from xs2a_bank.bilateral.formats import write_date, write_money, write_time
from xs2a_bank.data import Account, Movement, Statement


def account_item(account: Account, books: Statement, *, now: datetime) -> dict[str, Any]:
    return {
        "accountNo": account.iban,
        "ccy": account.currency,
        "holder": account.holder,
        "product": account.product,
        "balances": {
            "booked": write_money(books.booked_balance),
            "available": write_money(books.available_balance),
            "at": write_time(now, BANKS[account.bank]),
        },
    }


def entry(movement: Movement, *, booked: bool) -> dict[str, Any]:
    """Amounts carry no sign: "D" (duguje) is a debit, "P" (potražuje) a credit."""
    party = movement.counterparty
    return {
        "no": movement.serial_number if booked else None,
        "date": write_date(movement.day),
        "valueDate": write_date(movement.value_date),
        "type": "D" if movement.amount_minor < 0 else "P",
        "amount": write_money(abs(movement.amount)),
        "ccy": movement.currency,
        "partner": {
            "name": party.name if party else BANKS[movement.account.bank].name,
            "account": (party.iban or "") if party else "",
        },
        "purpose": movement.remittance,
        "reference": movement.reference,
        "state": "BOOKED" if booked else "RESERVED",
    }
