"""A bank where nothing goes wrong and nothing happens: what is left is the cost of asking."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from shared.banks.connector import BankConnector
from shared.domain.bank_data import (
    BankAccess,
    BankAccount,
    BankBalance,
    BankConsentState,
    BankTokens,
    BankTransaction,
    BookingStatus,
    StartedConsent,
    TransactionsPage,
)
from shared.domain.clock import Clock
from shared.use_cases.ports import BankRules

BANK_ID = "steady-hr"
_ZONE = ZoneInfo("Europe/Zagreb")
_PAGE_SIZE = 100


class SteadyBank:
    """The use cases' Banks and their one connector. Every consent reaches accounts of its own, told by its bank
    consent id."""

    bank_id = BANK_ID

    def __init__(
        self,
        clock: Clock,
        *,
        transactions_per_day: int,
        days: int,
        accounts: int,
        token_life: timedelta,
    ) -> None:
        self._clock = clock
        self._token_life = token_life
        self._per_day = transactions_per_day
        self._today = clock.now().date()
        self._days = days
        self._accounts = accounts
        self.calls: Counter[str] = Counter()

    def connector(self, bank_id: str, *, clock_offset_seconds: int = 0) -> BankConnector:
        return self

    def rules(self, bank_id: str) -> BankRules:
        return BankRules(
            name="Steady banka",
            country="HR",
            time_zone=_ZONE,
            history_days=730,
            consent_days=90,
            unattended_reads_per_day=4,
        )

    def tokens(self) -> BankTokens:
        return BankTokens(
            access_token="access", refresh_token="refresh", expires_at=self._clock.now() + self._token_life
        )

    def start_consent(
        self, *, redirect_uri: str, state: str, code_challenge: str, valid_until: date, psu_ip_address: str
    ) -> StartedConsent:
        raise NotImplementedError

    def exchange(
        self, *, bank_consent_id: str, code: str, code_verifier: str, redirect_uri: str, issuer: str
    ) -> BankTokens:
        raise NotImplementedError

    def refresh(self, *, refresh_token: str) -> BankTokens:
        self.calls["refresh"] += 1
        return self.tokens()

    def consent_state(self, *, bank_consent_id: str) -> BankConsentState:
        return "valid"

    def revoke(self, *, bank_consent_id: str) -> None:
        raise NotImplementedError

    def accounts(self, access: BankAccess) -> tuple[BankAccount, ...]:
        self.calls["accounts"] += 1
        number = int(access.bank_consent_id.rpartition("-")[2])
        return tuple(
            BankAccount(
                resource_id=f"resource-{account}",
                iban=f"HR{account:02d}{number:017d}",
                masked_identity=None,
                currency="EUR",
                name="Tekući račun",
                owner_name="Ana Anić",
                type="current",
            )
            for account in range(1, self._accounts + 1)
        )

    def balances(self, access: BankAccess, account: BankAccount) -> tuple[BankBalance, ...]:
        self.calls["balances"] += 1
        as_of = datetime.combine(self._today - timedelta(days=1), datetime.min.time(), _ZONE).date()
        return (BankBalance(type="closingBooked", amount=Decimal("1000.00"), currency="EUR", as_of=as_of),)

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
        self.calls[status] += 1
        if status == "pending":
            return TransactionsPage(transactions=(), next_page=None)
        first_day = self._today - timedelta(days=self._days)
        days = [
            first_day + timedelta(days=number)
            for number in range(self._days)
            if first_day + timedelta(days=number) >= date_from
        ]
        listed = [_transaction(day, number) for day in reversed(days) for number in range(self._per_day)]
        start = int(page or 0)
        end = start + _PAGE_SIZE
        return TransactionsPage(
            transactions=tuple(listed[start:end]), next_page=str(end) if end < len(listed) else None
        )


def _transaction(day: date, number: int) -> BankTransaction:
    return BankTransaction(
        status="booked",
        external_id=f"{day:%Y%m%d}-{number}",
        entry_reference=None,
        end_to_end_id=None,
        booking_date=day,
        value_date=day,
        amount=Decimal(number + 1),
        currency="EUR",
        direction="outbound",
        creditor_name="Konzum",
        creditor_iban=None,
        debtor_name="Ana Anić",
        debtor_iban=None,
        remittance_info=f"Račun {number}",
        raw_hash=f"{day}-{number}",
    )
