"""The way to the model bank, as the use cases' Banks and BankConnector: each call through the gate."""

from __future__ import annotations

from datetime import date

from shared.banks.connector import BankConnector
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
from shared.domain.errors import Invalid
from shared.use_cases.ports import BankRules
from tests.simulation.faults import Gate
from tests.simulation.ledger import ZONE
from tests.simulation.model_bank import BANK_ID, ModelBank


class GatedBanks:
    def __init__(self, bank: ModelBank, gate: Gate) -> None:
        self._bank = bank
        self._connector = GatedConnector(bank, gate)

    def connector(self, bank_id: str, *, clock_offset_seconds: int = 0) -> BankConnector:
        if bank_id != BANK_ID:
            raise Invalid("bankId", "no such bank")
        return self._connector

    def rules(self, bank_id: str) -> BankRules:
        return BankRules(
            name="Sim banka",
            country="HR",
            time_zone=ZONE,
            history_days=730,
            consent_days=90,
            unattended_reads_per_day=self._bank.manners.unattended_limit,
        )


class GatedConnector:
    bank_id = BANK_ID

    def __init__(self, bank: ModelBank, gate: Gate) -> None:
        self._bank = bank
        self._gate = gate

    def start_consent(
        self, *, redirect_uri: str, state: str, code_challenge: str, valid_until: date, psu_ip_address: str
    ) -> StartedConsent:
        started: StartedConsent = self._gate.pass_through(
            "bank", "start_consent", lambda: self._bank.start_consent(state=state)
        )
        return started

    def exchange(
        self, *, bank_consent_id: str, code: str, code_verifier: str, redirect_uri: str, issuer: str
    ) -> BankTokens:
        tokens: BankTokens = self._gate.pass_through(
            "bank", "exchange", lambda: self._bank.exchange(bank_consent_id=bank_consent_id, code=code)
        )
        return tokens

    def refresh(self, *, refresh_token: str) -> BankTokens:
        tokens: BankTokens = self._gate.pass_through(
            "bank", "refresh", lambda: self._bank.refresh(refresh_token=refresh_token)
        )
        return tokens

    def consent_state(self, *, bank_consent_id: str) -> BankConsentState:
        state: BankConsentState = self._gate.pass_through(
            "bank", "consent_state", lambda: self._bank.consent_state(bank_consent_id=bank_consent_id)
        )
        return state

    def revoke(self, *, bank_consent_id: str) -> None:
        self._gate.pass_through("bank", "revoke", lambda: self._bank.revoke(bank_consent_id=bank_consent_id))

    def accounts(self, access: BankAccess) -> tuple[BankAccount, ...]:
        accounts: tuple[BankAccount, ...] = self._gate.pass_through(
            "bank", "accounts", lambda: self._bank.accounts(access)
        )
        return accounts

    def balances(self, access: BankAccess, account: BankAccount) -> tuple[BankBalance, ...]:
        balances: tuple[BankBalance, ...] = self._gate.pass_through(
            "bank", f"balances {account.resource_id}", lambda: self._bank.balances(access, account)
        )
        return balances

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
        def act() -> TransactionsPage:
            return self._bank.transactions_page(
                access, account, status=status, date_from=date_from, date_to=date_to, page=page
            )

        found: TransactionsPage = self._gate.pass_through(
            "bank", f"{status} {account.resource_id} {page or ''}", act
        )
        return found
