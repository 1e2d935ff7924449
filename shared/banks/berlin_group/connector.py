"""BankConnector for banks that speak NextGenPSD2 1.3.x."""

from __future__ import annotations

from datetime import date

import httpx

from shared.banks.berlin_group import accounts, consents, transactions
from shared.banks.berlin_group.api import BerlinGroupApi
from shared.banks.http import BankHttp
from shared.banks.oauth import OAuth
from shared.banks.profile import BankSetup
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
from shared.domain.clock import Clock
from shared.domain.errors import BankUnavailable


class BerlinGroupConnector:
    def __init__(
        self, setup: BankSetup, *, clock: Clock, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.bank_id = setup.profile.id
        http = BankHttp(setup, clock=clock, transport=transport)
        self._api = BerlinGroupApi(setup, http, clock)
        self._oauth = OAuth(setup, http, clock)

    def start_consent(
        self, *, redirect_uri: str, state: str, code_challenge: str, valid_until: date, psu_ip_address: str
    ) -> StartedConsent:
        created = consents.create(
            self._api, redirect_uri=redirect_uri, valid_until=valid_until, psu_ip_address=psu_ip_address
        )
        if created.oauth_metadata_url is None and self._api.profile.sca_mode == "oauth":
            raise BankUnavailable(self.bank_id, "The bank offers no login for this consent.")
        return self._oauth.start(
            created.oauth_metadata_url,
            bank_consent_id=created.id,
            redirect_uri=redirect_uri,
            state=state,
            code_challenge=code_challenge,
            valid_until=consents.valid_until(self._api, created.id),
        )

    def exchange(
        self,
        *,
        bank_consent_id: str,  # noqa: ARG002 - the code itself stands for it at these banks
        code: str,
        code_verifier: str,
        redirect_uri: str,
        issuer: str,
    ) -> BankTokens:
        return self._oauth.exchange(
            code=code, code_verifier=code_verifier, redirect_uri=redirect_uri, issuer=issuer
        )

    def refresh(self, *, refresh_token: str) -> BankTokens:
        return self._oauth.refresh(refresh_token=refresh_token)

    def consent_state(self, *, bank_consent_id: str) -> BankConsentState:
        return consents.state(self._api, bank_consent_id)

    def revoke(self, *, bank_consent_id: str) -> None:
        consents.delete(self._api, bank_consent_id)

    def accounts(self, access: BankAccess) -> tuple[BankAccount, ...]:
        return accounts.read_accounts(self._api, access)

    def balances(self, access: BankAccess, account: BankAccount) -> tuple[BankBalance, ...]:
        return accounts.read_balances(self._api, access, account)

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
        return transactions.read_page(
            self._api, access, account, status=status, date_from=date_from, date_to=date_to, page=page
        )
