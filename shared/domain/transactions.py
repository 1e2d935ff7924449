"""A transaction exactly as clients receive it. Field order is the order in the reply."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from shared.domain.bank_data import BankTransaction, BookingStatus, Direction
from shared.domain.identities import Confidence
from shared.domain.money import format_amount


class Transaction(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    external_id: str | None
    booking_date: date | None
    """The bank's local date; None only while pending."""
    value_date: date | None
    amount: str
    """Positive, 4 decimals."""
    currency: str
    direction: Direction
    creditor_iban: str | None
    debtor_iban: str | None
    remittance_info: str | None
    source: Literal["open_banking"] = "open_banking"
    status: BookingStatus
    account_id: str
    creditor_name: str | None
    debtor_name: str | None
    entry_reference: str | None
    end_to_end_id: str | None
    match_confidence: Confidence
    """exact: known by the bank's own id, or never changed since first seen; high: by its content, which no other has;
    low: by amount and dates."""


def present(
    transaction: BankTransaction, *, transaction_id: str, account_id: str, confidence: Confidence = "exact"
) -> Transaction:
    return Transaction(
        id=transaction_id,
        external_id=transaction.external_id,
        booking_date=transaction.booking_date,
        value_date=transaction.value_date,
        amount=format_amount(transaction.amount),
        currency=transaction.currency,
        direction=transaction.direction,
        creditor_iban=transaction.creditor_iban,
        debtor_iban=transaction.debtor_iban,
        remittance_info=transaction.remittance_info,
        status=transaction.status,
        account_id=account_id,
        creditor_name=transaction.creditor_name,
        debtor_name=transaction.debtor_name,
        entry_reference=transaction.entry_reference,
        end_to_end_id=transaction.end_to_end_id,
        match_confidence=confidence,
    )
