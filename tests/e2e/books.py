"""What a client must see of the sandbox bank's books: made from `xs2a_bank.data`, by rules of this file's own.

The platform's connectors are not asked. A row here is a transaction of the API without `id` and `accountId`.
"""

from __future__ import annotations

import unicodedata
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from xs2a_bank.banks import BANKS, Bank
from xs2a_bank.data import Account, Movement, accounts_of, statement

Row = dict[str, Any]

BANK_IDS = tuple(BANKS)
_REMITTANCE_CHARACTERS_MAX = 140  # of `remittanceInformationUnstructured` in the standard


def accounts_by_iban(bank_id: str, username: str) -> dict[str, Account]:
    return {account.iban: account for account in accounts_of(bank_id, username)}


def booked_rows(account: Account, *, at: datetime, since: date) -> list[Row]:
    """Newest day first."""
    books = statement(account, now=at)
    return [_row(movement, booked=True) for movement in reversed(books.booked) if movement.day >= since]


def pending_rows(account: Account, *, at: datetime) -> list[Row]:
    return [_row(movement, booked=False) for movement in statement(account, now=at).pending]


def balances(account: Account, *, at: datetime) -> dict[str, str]:
    """Type → amount."""
    books, bank = statement(account, now=at), BANKS[account.bank]
    booked, available = _money(books.booked_balance), _money(books.available_balance)
    if bank.dialect == "bilateral":
        return {"interimBooked": booked, "interimAvailable": available}
    told = {"closingBooked": booked, "interimAvailable": available}
    return {**told, "interimBooked": booked} if bank.identity == "transaction_id" else told


def _row(movement: Movement, *, booked: bool) -> Row:
    bank, account, party = BANKS[movement.account.bank], movement.account, movement.counterparty
    name, iban = (_text(party.name), party.iban) if party else (_bank_as_party(bank), None)
    outbound = movement.amount_minor < 0
    return {
        **_identity(bank, movement, booked=booked),
        **_dates(bank, movement, booked=booked),
        "amount": _money(abs(movement.amount)),
        "currency": account.currency,
        "direction": "outbound" if outbound else "inbound",
        "creditorIban": iban if outbound else account.iban,
        "debtorIban": account.iban if outbound else iban,
        "creditorName": name if outbound else None,
        "debtorName": None if outbound else name,
        "remittanceInfo": _remittance(bank, movement),
        "source": "open_banking",
        "status": "booked" if booked else "pending",
    }


def _identity(bank: Bank, movement: Movement, *, booked: bool) -> Row:
    found: Row = {"externalId": None, "entryReference": None, "endToEndId": None}
    if bank.dialect == "bilateral":
        found["externalId"] = str(movement.serial_number) if booked else None
    elif bank.identity != "none":
        best = movement.transaction_id if bank.identity == "transaction_id" else movement.entry_reference
        found = {
            "externalId": best,
            "entryReference": movement.entry_reference,
            "endToEndId": movement.end_to_end_id,
        }
    return found


def _dates(bank: Bank, movement: Movement, *, booked: bool) -> Row:
    """Reservations of the bilateral bank have dates; pending rows of the standard's banks no booking date."""
    day, value_date = movement.day.isoformat(), movement.value_date.isoformat()
    if booked or bank.dialect == "bilateral":
        return {"bookingDate": day, "valueDate": value_date}
    return {"bookingDate": None, "valueDate": value_date if bank.pending_dates else None}


def _bank_as_party(bank: Bank) -> str | None:
    """Its own fees and cash: a bank whose amounts carry no sign names itself."""
    return bank.name if bank.dialect == "bilateral" or not bank.signed_amounts else None


def _remittance(bank: Bank, movement: Movement) -> str | None:
    text = " ".join(line for line in (movement.remittance, movement.reference) if line)
    if bank.dialect == "berlin_group" and not bank.remittance_array:
        text = text[:_REMITTANCE_CHARACTERS_MAX]
    return _text(text) or None


def _text(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _money(amount: Decimal) -> str:
    return f"{amount:.4f}"
