"""What a bank tells, normalised: the words that connectors and use cases share.

Connectors make these from a bank's own format (signs, dates, remittance and ids put right); nothing
outside `shared.banks` sees that format. Amounts of transactions are positive, `direction` tells which way.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

import msgspec

Direction = Literal["inbound", "outbound"]
BookingStatus = Literal["booked", "pending"]
AccountType = Literal["current", "savings", "card", "loan", "other"]
BalanceType = Literal[
    "closingBooked", "expected", "openingBooked", "interimAvailable", "interimBooked", "forwardAvailable"
]
BankConsentState = Literal["pending", "valid", "expired", "revoked", "rejected"]


class StartedConsent(msgspec.Struct, frozen=True, kw_only=True):
    """A consent that the bank knows and the PSU has yet to authorise."""

    bank_consent_id: str
    authorise_url: str
    """Where the PSU's browser goes; carries our state and PKCE challenge."""
    issuer: str
    """The authorization server's identifier (RFC 8414); the callback's `iss` must equal it (RFC 9207)."""
    issuer_in_response: bool
    """Whether the bank promises `iss` in its response, so that a callback without it is refused."""
    valid_until: date | None
    """As the bank shortened it; None when it did not say."""


class BankTokens(msgspec.Struct, frozen=True, kw_only=True):
    """OAuth2 tokens. Never logged, never shown; `repr` hides them."""

    access_token: str
    refresh_token: str | None
    expires_at: datetime
    """Aware, UTC."""

    def __repr__(self) -> str:
        return f"BankTokens(expires_at={self.expires_at.isoformat()})"


class BankAccess(msgspec.Struct, frozen=True, kw_only=True):
    """What a read at the bank needs."""

    bank_consent_id: str
    access_token: str
    psu_ip_address: str | None = None
    """Only when the PSU is present: it is what marks an attended read."""

    def __repr__(self) -> str:
        return f"BankAccess({self.bank_consent_id!r}, attended={self.psu_ip_address is not None})"


class BankAccount(msgspec.Struct, frozen=True, kw_only=True):
    resource_id: str
    """The bank's handle for this account within this consent; may change with the next consent."""
    iban: str | None
    masked_identity: str | None
    """A card's masked PAN or a domestic number, where there is no IBAN."""
    currency: str
    name: str | None
    owner_name: str | None
    type: AccountType


class BankBalance(msgspec.Struct, frozen=True, kw_only=True):
    type: BalanceType
    amount: Decimal
    """Signed: negative is overdrawn. Never includes a credit limit."""
    currency: str
    as_of: datetime | date | None
    """The bank's local date or time when it gave one."""
    credit_limit_included: bool = False


class BankTransaction(msgspec.Struct, frozen=True, kw_only=True):
    status: BookingStatus
    external_id: str | None
    """The bank's transaction id, when it is a real one (not blank, not NOTPROVIDED)."""
    entry_reference: str | None
    end_to_end_id: str | None
    booking_date: date | None
    """None only while pending."""
    value_date: date | None
    amount: Decimal
    """Positive."""
    currency: str
    direction: Direction
    creditor_name: str | None
    creditor_iban: str | None
    debtor_name: str | None
    debtor_iban: str | None
    remittance_info: str | None
    balance_after: Decimal | None = None
    raw_hash: str
    """SHA-256, hex, of the bank's own entry in canonical JSON: tells a correction from a repeat."""


class TransactionsPage(msgspec.Struct, frozen=True, kw_only=True):
    transactions: tuple[BankTransaction, ...]
    next_page: str | None
    """Opaque to all but the connector that made it; None on the last page."""
