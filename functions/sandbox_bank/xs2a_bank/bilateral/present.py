"""The bank's books in the bilateral JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from xs2a_bank.banks import BANKS
from xs2a_bank.bilateral.formats import write_date, write_money, write_time
from xs2a_bank.data import Account, Movement, Statement, gives_balances, gives_places


def account_item(account: Account, books: Statement, *, now: datetime) -> dict[str, Any]:
    balances = {
        "booked": write_money(books.booked_balance),
        "available": write_money(books.available_balance),
        "at": write_time(now, BANKS[account.bank]),
    }
    return {
        "accountNo": account.iban,
        "ccy": account.currency,
        "holder": account.holder,
        "product": account.product,
        "balances": balances if gives_balances(account) else {},
    }


def entry(movement: Movement, *, booked: bool, place: int) -> dict[str, Any]:
    """Amounts carry no sign: "D" (duguje) is a debit, "P" (potražuje) a credit. `place` in the list, from 1."""
    party = movement.counterparty
    return {
        "no": _number(movement, place=place) if booked else None,
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


def _number(movement: Movement, *, place: int) -> int | None:
    if movement.has_ids:
        return movement.serial_number
    return place if gives_places(movement.account) else None
