"""What recognises a transaction: the bank's ids, and hashes of its content in several strengths."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from datetime import date
from decimal import Decimal
from typing import Literal

import msgspec

from shared.domain.bank_data import BankTransaction
from shared.domain.proofs import Movement

Confidence = Literal["exact", "high", "low"]
"""Of the recognition: by the bank's own id or at first sight, by content, by amount and dates."""


class Identity(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What is kept beside each stored row to know it again."""

    transaction_id: str
    external_id: str | None
    entry_reference: str | None
    content: str
    """Hash of everything that a client sees of it, the bank's ids aside."""
    outline: str
    """Amount, currency and direction: what survives a change of text or date."""
    day: date
    """Booking date; for a pending one without dates, the day it was first seen."""
    raw_hash: str
    gist: str = ""
    """Hash of its content without dates."""
    balance: str | None = None
    """The balance after it, where the bank tells it: tells twins apart."""
    confidence: Confidence = "exact"
    """Of the least certain recognition so far."""

    @property
    def movement(self) -> Movement:
        amount, currency, direction = self.outline.split("|")
        signed = Decimal(amount) if direction == "inbound" else -Decimal(amount)
        return Movement(day=self.day, amount=signed, currency=currency)


def identify(entry: BankTransaction, *, seen_on: date) -> Identity:
    outline = f"{entry.amount.normalize():f}|{entry.currency}|{entry.direction}"
    gist = _hash(
        outline,
        entry.creditor_name,
        entry.creditor_iban,
        entry.debtor_name,
        entry.debtor_iban,
        entry.remittance_info,
        entry.end_to_end_id,
    )
    dates = (part.isoformat() if part else None for part in (entry.booking_date, entry.value_date))
    return Identity(
        transaction_id="",
        external_id=entry.external_id,
        entry_reference=entry.entry_reference,
        content=_hash(gist, *dates),
        outline=outline,
        day=entry.booking_date or entry.value_date or seen_on,
        raw_hash=entry.raw_hash,
        gist=gist,
        balance=f"{entry.balance_after:f}" if entry.balance_after is not None else None,
    )


def _hash(*parts: str | None) -> str:
    return hashlib.sha256("\x1f".join(part or "" for part in parts).encode()).hexdigest()[:32]


def strongest(identity: Identity) -> tuple[str, str]:
    if identity.external_id:
        return "externalId", identity.external_id
    if identity.entry_reference:
        return "entryReference", identity.entry_reference
    return "content", identity.content


def by_ids_content_and_balance(row: Identity) -> Hashable:
    return row.external_id, row.entry_reference, row.content, row.balance


def by_ids_and_content(row: Identity) -> Hashable:
    return row.external_id, row.entry_reference, row.content


def by_external_id_and_content(row: Identity) -> Hashable | None:
    return (row.external_id, row.content) if row.external_id else None


def by_entry_reference_and_content(row: Identity) -> Hashable | None:
    return (row.entry_reference, row.content) if row.entry_reference else None


def by_content(row: Identity) -> Hashable:
    return row.content


def by_external_id_and_gist(row: Identity) -> Hashable | None:
    return (row.external_id, row.gist) if row.external_id else None


def by_entry_reference_and_gist(row: Identity) -> Hashable | None:
    return (row.entry_reference, row.gist) if row.entry_reference else None
