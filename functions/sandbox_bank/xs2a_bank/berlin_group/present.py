"""The bank's books in the standard's JSON, with each bank's own habits."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from xs2a_bank.banks import BANKS, Bank
from xs2a_bank.data import Account, Movement, Statement, gives_balances, gives_places

MAX_REMITTANCE_CHARACTERS = 140
_BANK_TRANSACTION_CODES = {
    "card": "PMNT-CCRD-POSD",
    "cash": "PMNT-CCRD-CWDL",
    "fee": "PMNT-MDOP-CHRG",
    "interest": "ACMT-MCOP-INTR",
}


def account_details(account: Account) -> dict[str, Any]:
    bank = BANKS[account.bank]
    return {
        "resourceId": account.resource_id,
        "iban": account.iban,
        "currency": account.currency,
        "ownerName": account.holder,
        "name": account.product,
        "product": account.product,
        "cashAccountType": "CACC" if account.slug in ("current", "joint", "business", "empty") else "SVGS",
        "status": "enabled",
        "bic": bank.bic,
        "usage": "ORGA" if account.slug == "business" else "PRIV",
    }


def account_reference(account: Account) -> dict[str, str]:
    return {"iban": account.iban, "currency": account.currency}


def balances(books: Statement, *, now: datetime) -> list[dict[str, Any]]:
    """What is booked to the end of yesterday, and what can be spent now."""
    if not gives_balances(books.account):
        return []
    bank = BANKS[books.account.bank]
    today = now.astimezone(bank.time_zone).date()
    found = [
        _balance(books, "closingBooked", books.booked_balance, reference_date=today - timedelta(days=1)),
        {
            **_balance(books, "interimAvailable", books.available_balance, reference_date=today),
            "lastChangeDateTime": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
    ]
    if bank.identity == "transaction_id":
        found.append(_balance(books, "interimBooked", books.booked_balance, reference_date=today))
    return found


def period_balances(books: Statement, *, first: date, last: date) -> list[dict[str, Any]]:
    """Of the period: openingBooked + the period's movements = closingBooked."""
    opening = books.opening_balance + sum(row.amount for row in books.booked if row.day < first)
    closing = opening + sum(row.amount for row in books.booked if first <= row.day <= last)
    return [
        _balance(books, "openingBooked", opening, reference_date=first),
        _balance(books, "closingBooked", closing, reference_date=last),
    ]


def transaction(movement: Movement, *, booked: bool, place: int) -> dict[str, Any]:
    """`place` in the list, from 1, over all of its pages."""
    bank = BANKS[movement.account.bank]
    return {
        **_identity(bank, movement, place=place),
        **_dates(bank, movement, booked=booked),
        "transactionAmount": {
            "currency": movement.currency,
            "amount": _plain(movement.amount if bank.signed_amounts else abs(movement.amount)),
        },
        **_other_side(bank, movement),
        **_remittance(bank, movement),
        **_extras(bank, movement, booked=booked),
    }


def _identity(bank: Bank, movement: Movement, *, place: int) -> dict[str, str]:
    found: dict[str, str] = {}
    if bank.identity == "none":
        return found
    if movement.has_ids:
        found["entryReference"] = movement.entry_reference
        if bank.identity == "transaction_id":
            found["transactionId"] = movement.transaction_id
    elif gives_places(movement.account):
        best = "transactionId" if bank.identity == "transaction_id" else "entryReference"
        found[best] = str(place)
    if movement.end_to_end_id:
        found["endToEndId"] = movement.end_to_end_id
    return found


def _dates(bank: Bank, movement: Movement, *, booked: bool) -> dict[str, str]:
    if booked:
        return {
            "bookingDate": movement.day.isoformat(),
            "valueDate": movement.value_date.isoformat(),
        }
    return {"valueDate": movement.value_date.isoformat()} if bank.pending_dates else {}


def _other_side(bank: Bank, movement: Movement) -> dict[str, Any]:
    """A debit names the creditor, a credit the debtor; the account holder's own side is left out."""
    role = "creditor" if movement.amount_minor < 0 else "debtor"
    party = movement.counterparty
    if party is None:
        # Where amounts have no sign, the party is the only sign of the direction: the bank names itself.
        return {} if bank.signed_amounts else {f"{role}Name": bank.name}
    found: dict[str, Any] = {f"{role}Name": party.name}
    if party.iban:
        found[f"{role}Account"] = {"iban": party.iban}
    return found


def _remittance(bank: Bank, movement: Movement) -> dict[str, Any]:
    lines = [line for line in (movement.remittance, movement.reference) if line]
    if bank.remittance_array:
        return {"remittanceInformationUnstructuredArray": lines}
    return {"remittanceInformationUnstructured": " ".join(lines)[:MAX_REMITTANCE_CHARACTERS]}


def _extras(bank: Bank, movement: Movement, *, booked: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if bank.signed_amounts:
        sent = movement.amount_minor < 0
        transfer = "PMNT-ICDT-ESCT" if sent else "PMNT-RCDT-ESCT"
        found["bankTransactionCode"] = _BANK_TRANSACTION_CODES.get(movement.kind, transfer)
    if bank.balance_after_transaction and booked and gives_balances(movement.account):
        found["balanceAfterTransaction"] = {
            "balanceType": "interimBooked",
            "balanceAmount": {"currency": movement.currency, "amount": _plain(movement.balance_after)},
        }
    return found


def _balance(books: Statement, kind: str, amount: Decimal, *, reference_date: date) -> dict[str, Any]:
    return {
        "balanceType": kind,
        "balanceAmount": {"currency": books.account.currency, "amount": _plain(amount)},
        "referenceDate": reference_date.isoformat(),
    }


def _plain(amount: Decimal) -> str:
    return f"{amount:.2f}"
