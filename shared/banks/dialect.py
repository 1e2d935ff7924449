"""What one bilateral bank says in its own way: pure functions from and to JSON.

Those that read a body raise `values.Malformed` where it makes no sense.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple, Protocol

from shared.banks.failures import Meaning
from shared.domain.bank_data import BankAccount, BankBalance, BankConsentState, BankTransaction, BookingStatus


class Mandate(NamedTuple):
    """A consent, as these banks call it."""

    number: str
    state: BankConsentState
    valid_until: date | None
    oauth_metadata_url: str | None


class Entries(NamedTuple):
    transactions: tuple[BankTransaction, ...]
    next_page: int | None


class Dialect(Protocol):
    mandates_path: str
    accounts_path: str
    entries_path: str
    """Under an account's own path."""
    mandate_header: str
    """Names the mandate on every read."""
    psu_ip_header: str
    """Marks an attended read."""

    def mandate_request(self, *, valid_until: date, redirect_uri: str) -> Mapping[str, Any]: ...

    def mandate(self, body: Any) -> Mandate: ...

    def accounts(self, body: Any) -> tuple[BankAccount, ...]: ...

    def balances(self, body: Any, account: BankAccount) -> tuple[BankBalance, ...]:
        """Of `account`, from the list of accounts."""
        ...

    def entries_query(
        self, *, status: BookingStatus, date_from: date, date_to: date, page: int
    ) -> Mapping[str, str]: ...

    def entries(self, body: Any, account: BankAccount, *, status: BookingStatus, page: int) -> Entries: ...

    def refusal(self, status: int, body: Any) -> tuple[Meaning, str]:
        """What a 4xx means, and the bank's code for it."""
        ...
