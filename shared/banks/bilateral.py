"""The base for banks without a standard: a mandate, OAuth2, and a JSON interface of the bank's own.

What such banks share is here: who calls, the order of calls, bounds, tokens and errors. How one bank names
and writes things is its Dialect.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import httpx

from shared.banks import values
from shared.banks.dialect import Dialect
from shared.banks.failures import bank_error
from shared.banks.http import BankHttp, segment
from shared.banks.oauth import OAuth
from shared.banks.partner import partner_headers
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
from shared.domain.errors import BankAccessLost, BankUnavailable


class BilateralConnector:
    def __init__(
        self,
        setup: BankSetup,
        dialect: Dialect,
        *,
        clock: Clock,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.bank_id = setup.profile.id
        self._setup = setup
        self._profile = setup.profile
        self._root = setup.base_url + setup.profile.api_path
        self._dialect = dialect
        self._clock = clock
        self._http = BankHttp(setup, clock=clock, transport=transport)
        self._oauth = OAuth(setup, self._http, clock)

    def start_consent(
        self,
        *,
        redirect_uri: str,
        state: str,
        code_challenge: str,
        valid_until: date,
        psu_ip_address: str,  # noqa: ARG002 - asked for on reads only
    ) -> StartedConsent:
        body = self._as_partner(
            "POST",
            self._url(self._dialect.mandates_path),
            json=self._dialect.mandate_request(valid_until=valid_until, redirect_uri=redirect_uri),
        )
        with values.sensible(self.bank_id):
            mandate = self._dialect.mandate(body)
        return self._oauth.start(
            mandate.oauth_metadata_url,
            bank_consent_id=mandate.number,
            redirect_uri=redirect_uri,
            state=state,
            code_challenge=code_challenge,
            valid_until=mandate.valid_until,
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
        try:
            body = self._as_partner("GET", self._url(self._dialect.mandates_path, bank_consent_id))
        except BankAccessLost as lost:
            return "expired" if lost.reason == "expired" else "revoked"
        with values.sensible(self.bank_id):
            return self._dialect.mandate(body).state

    def revoke(self, *, bank_consent_id: str) -> None:
        try:
            self._as_partner("DELETE", self._url(self._dialect.mandates_path, bank_consent_id))
        except BankAccessLost:
            return  # it has ended already: what was wanted

    def accounts(self, access: BankAccess) -> tuple[BankAccount, ...]:
        body = self._as_psu(self._url(self._dialect.accounts_path), access)
        with values.sensible(self.bank_id):
            return self._dialect.accounts(body)

    def balances(self, access: BankAccess, account: BankAccount) -> tuple[BankBalance, ...]:
        body = self._as_psu(self._url(self._dialect.accounts_path), access)
        with values.sensible(self.bank_id):
            return self._dialect.balances(body, account)

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
        if status not in self._profile.booking_statuses:
            return TransactionsPage(transactions=(), next_page=None)
        number = 1 if page is None else int(page)
        today = values.date_in(self._clock.now(), self._profile.time_zone)
        body = self._as_psu(
            self._url(self._dialect.accounts_path, account.resource_id) + self._dialect.entries_path,
            access,
            params=self._dialect.entries_query(
                status=status, date_from=date_from, date_to=date_to or today, page=number
            ),
        )
        with values.sensible(self.bank_id):
            found = self._dialect.entries(body, account, status=status, page=number)
        return TransactionsPage(
            transactions=found.transactions,
            next_page=None if found.next_page is None else str(found.next_page),
        )

    def _url(self, path: str, *segments: str) -> str:
        try:
            return "/".join((self._root + path, *(segment(part) for part in segments)))
        except ValueError:
            raise BankUnavailable(self.bank_id, "The bank's own id cannot be asked for.") from None

    def _as_partner(self, method: str, url: str, *, json: Mapping[str, Any] | None = None) -> Any:
        return self._call(method, url, headers=partner_headers(self._setup), json=json, by_psu=False)

    def _as_psu(self, url: str, access: BankAccess, *, params: Mapping[str, str] | None = None) -> Any:
        headers = {
            "Authorization": f"Bearer {access.access_token}",
            self._dialect.mandate_header: access.bank_consent_id,
        }
        if access.psu_ip_address is not None:
            headers[self._dialect.psu_ip_header] = access.psu_ip_address
        return self._call("GET", url, headers=headers, params=params, by_psu=True)

    def _call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        by_psu: bool,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
    ) -> Any:
        reply = self._http.call(
            method, url, headers={**self._profile.headers, **headers}, params=params, json=json
        )
        if reply.status < 400:
            return reply.body
        meaning, code = self._dialect.refusal(reply.status, reply.body)
        if meaning == "token_expired" and not by_psu:
            # No PSU's token was sent: it is our registration that the bank does not take.
            meaning = "misconfigured"
        raise bank_error(self.bank_id, meaning, code=code, headers=reply.headers, now=self._clock.now())
