"""A bank's books in the bank's own, neutral terms. Each dialect presents them in its own way."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal
from uuid import NAMESPACE_URL, uuid5

Kind = Literal["card", "transfer", "bill", "salary", "cash", "fee", "interest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    bank: str
    person: str
    slug: str
    iban: str
    currency: str
    holder: str
    product: str
    opened_on: date

    @property
    def resource_id(self) -> str:
        return str(uuid5(NAMESPACE_URL, f"{self.bank}/{self.iban}/{self.currency}"))


@dataclass(frozen=True, slots=True)
class Counterparty:
    name: str
    iban: str | None


@dataclass(frozen=True, slots=True)
class Movement:
    """One row of an account. Its identity is (account, day, number): neither ever changes."""

    account: Account
    day: date
    """When it was entered; it is booked at the end of that day."""
    number: int
    """Of the day, from 0, in the order in which it happened."""
    value_date: date
    amount_minor: int
    """Signed, in hundredths: a debit is negative."""
    balance_after_minor: int
    kind: Kind
    counterparty: Counterparty | None
    remittance: str
    reference: str
    """The payment reference (HR99 …, SI00 …, RF…, 97-…), or empty."""
    booked_on: date | None = None
    """At the end of which day it is booked, where that is not the day on which it was entered."""
    ids_of: tuple[date, int] | None = None
    """(day, number) from which the bank makes this row's ids, where they are not its own."""
    has_ids: bool = True
    """False: the bank gives it no id, or none that lasts from one answer to the next."""

    @property
    def amount(self) -> Decimal:
        return minor_to_decimal(self.amount_minor)

    @property
    def balance_after(self) -> Decimal:
        return minor_to_decimal(self.balance_after_minor)

    @property
    def currency(self) -> str:
        return self.account.currency

    @property
    def row_key(self) -> str:
        """Sorts as the account's rows do; unique in the account."""
        return row_key(self.day, self.number)

    @property
    def entry_reference(self) -> str:
        return f"{row_key(*self._ids_of)}-{self.account.iban[-6:]}"

    @property
    def transaction_id(self) -> str:
        key = row_key(*self._ids_of)
        digest = hashlib.blake2b(f"{self.account.resource_id}/{key}".encode(), digest_size=8)
        return f"{self.account.bank[:3].upper()}{key[2:8]}{digest.hexdigest()}"

    @property
    def end_to_end_id(self) -> str | None:
        if self.kind not in ("transfer", "bill", "salary"):
            return None
        return f"E2E{self.row_key}{self.account.iban[-4:]}"

    @property
    def serial_number(self) -> int:
        """A positive number, unique in the account and growing with time."""
        day, number = self._ids_of
        return (day.toordinal() - 738_000) * 1000 + number

    @property
    def _ids_of(self) -> tuple[date, int]:
        return self.ids_of or (self.day, self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """opening_balance + Σ booked = booked_balance, and + Σ pending = available_balance."""

    account: Account
    opening_balance: Decimal
    """Before the account's first row."""
    booked: tuple[Movement, ...]
    """Oldest first, from the account's opening to yesterday."""
    pending: tuple[Movement, ...]
    """Today's rows, oldest first, and those that are booked late. Tomorrow they are booked."""
    booked_balance: Decimal
    available_balance: Decimal
    """Booked less pending debits; pending credits are not yet available."""


def row_key(day: date, number: int) -> str:
    return f"{day:%Y%m%d}{number:03d}"


def minor_to_decimal(minor: int) -> Decimal:
    return Decimal(minor).scaleb(-2)
