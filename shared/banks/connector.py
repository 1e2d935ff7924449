"""The port to a bank. Every connector is this; every use case that talks to a bank takes this.

Each call may raise the errors of `shared.domain.errors` that are BankErrors, and no other: httpx, JSON and
OAuth errors stay inside. Calls are synchronous and bounded in time (see `BankProfile.timeout_seconds`).
A call is never repeated by the connector on its own unless repeating is safe (reads).
"""

from __future__ import annotations

from datetime import date
from typing import Protocol

from shared.domain.bank_data import (
    BankAccess,
    BankAccount,
    BankBalance,
    BankConsentState,
    BankTokens,
    BookingStatus,
    StartedConsent,
    TransactionsPage,
)


class BankConnector(Protocol):
    bank_id: str

    def start_consent(
        self,
        *,
        redirect_uri: str,
        state: str,
        code_challenge: str,
        valid_until: date,
        psu_ip_address: str,
    ) -> StartedConsent:
        """Ask the bank for an account-information consent. `code_challenge` is PKCE S256 (RFC 7636)."""
        ...

    def exchange(
        self, *, bank_consent_id: str, code: str, code_verifier: str, redirect_uri: str, issuer: str
    ) -> BankTokens:
        """Change an authorization code for tokens. A code works once: never repeated."""
        ...

    def refresh(self, *, refresh_token: str) -> BankTokens:
        """New tokens; the bank may have rotated the refresh token, so store the answer before using it.

        Raises BankAccessLost(reason="refused") on `invalid_grant`.
        """
        ...

    def consent_state(self, *, bank_consent_id: str) -> BankConsentState: ...

    def revoke(self, *, bank_consent_id: str) -> None:
        """Tell the bank, in our own name, that the consent has ended. Ended already, or unknown there, is success."""
        ...

    def accounts(self, access: BankAccess) -> tuple[BankAccount, ...]: ...

    def balances(self, access: BankAccess, account: BankAccount) -> tuple[BankBalance, ...]: ...

    def transactions_page(
        self,
        access: BankAccess,
        account: BankAccount,
        *,
        status: BookingStatus,
        date_from: date,
        date_to: date | None = None,
        page: str | None = None,
    ) -> TransactionsPage:
        """One page, `date_from` and `date_to` inclusive in the bank's local dates.

        `page` is the previous page's `next_page`. Booked and pending are asked for apart; a bank without a
        pending list answers pending with an empty page.
        """
        ...
