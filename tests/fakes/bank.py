"""A bank in memory: it keeps a ledger, pages through it, rotates its tokens, and fails when told to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

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
from shared.domain.errors import BankAccessLost, BankTokenExpired, Invalid
from shared.use_cases.ports import BankRules

BANK_ID = "fake-hr"
ISSUER = "https://fake.example"
PAGE_SIZE = 40
TOKEN_LIFETIME = timedelta(minutes=10)


def bank_account(number: int = 1) -> BankAccount:
    return BankAccount(
        resource_id=f"resource-{number}",
        iban=f"HR{number:019d}",
        masked_identity=None,
        currency="EUR",
        name="Tekući račun",
        owner_name="Ana Anić",
        type="current",
    )


def bank_transaction(number: int, booked_on: date, *, status: BookingStatus = "booked") -> BankTransaction:
    return BankTransaction(
        status=status,
        external_id=f"FAKE-{number}",
        entry_reference=None,
        end_to_end_id=None,
        booking_date=booked_on,
        value_date=booked_on,
        amount=Decimal(number % 977 + 1),
        currency="EUR",
        direction="outbound",
        creditor_name="Konzum",
        creditor_iban=None,
        debtor_name="Ana Anić",
        debtor_iban=None,
        remittance_info=f"Račun {number}",
        raw_hash=f"{number}-{status}",
    )


class FakeBank:
    """Both the use cases' Banks and its one BankConnector. `failures` are raised by the next calls, in order."""

    bank_id = BANK_ID

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.accounts_held: list[BankAccount] = [bank_account()]
        self.booked: dict[str, list[BankTransaction]] = {}
        self.pending: dict[str, list[BankTransaction]] = {}
        self.failures: list[Exception | None] = []
        self.calls: list[str] = []
        self.unattended: list[tuple[str, datetime]] = []
        """What banks count against the budget: reads without the PSU, and not those that go on with a list."""
        self.balances_told: dict[str, tuple[BankBalance, ...]] = {}
        """By resource; one that stays the same where nothing is set."""
        self.lists_oldest_first = False
        self.tolerates_reuse = False
        """Whether the refresh token before the newest is taken again, as by a bank that knows of lost answers."""
        self.asked_since: list[date] = []
        self.access_token = "access-0"
        self.refresh_token = "refresh-0"
        self._refresh_token_before = ""
        self.token_expires_at = clock.now() + TOKEN_LIFETIME
        self.revoked: list[str] = []
        self.clock_offset_seconds = 0
        self.consents_started = 0

    def connector(self, bank_id: str, *, clock_offset_seconds: int = 0) -> BankConnector:
        self.clock_offset_seconds = clock_offset_seconds
        if bank_id != BANK_ID:
            raise Invalid("bankId", "no such bank")
        return self

    def rules(self, bank_id: str) -> BankRules:
        return BankRules(
            name="Fake banka",
            country="HR",
            time_zone=ZoneInfo("Europe/Zagreb"),
            history_days=730,
            consent_days=90,
            unattended_reads_per_day=4,
        )

    def tokens(self) -> BankTokens:
        return BankTokens(
            access_token=self.access_token, refresh_token=self.refresh_token, expires_at=self.token_expires_at
        )

    def start_consent(
        self, *, redirect_uri: str, state: str, code_challenge: str, valid_until: date, psu_ip_address: str
    ) -> StartedConsent:
        self._called("start_consent")
        self.consents_started += 1
        return StartedConsent(
            bank_consent_id=f"bank-consent-{self.consents_started}",
            authorise_url=f"{ISSUER}/authorise?state={state}&code_challenge={code_challenge}",
            issuer=ISSUER,
            issuer_in_response=True,
            valid_until=valid_until,
        )

    def exchange(
        self, *, bank_consent_id: str, code: str, code_verifier: str, redirect_uri: str, issuer: str
    ) -> BankTokens:
        self._called("exchange")
        return self.tokens()

    def refresh(self, *, refresh_token: str) -> BankTokens:
        """A refresh token works once; the second use ends the connection, as a strict bank does."""
        self._called("refresh")
        if self.tolerates_reuse and refresh_token == self._refresh_token_before:
            return self.tokens()
        if refresh_token != self.refresh_token:
            self.access_token = self.refresh_token = "none"
            raise BankAccessLost(BANK_ID, "invalid_grant", reason="refused")
        self._refresh_token_before = refresh_token
        generation = int(refresh_token.rpartition("-")[2]) + 1
        self.access_token, self.refresh_token = f"access-{generation}", f"refresh-{generation}"
        self.token_expires_at = self._clock.now() + TOKEN_LIFETIME
        return self.tokens()

    def consent_state(self, *, bank_consent_id: str) -> BankConsentState:
        self._called("consent_state")
        return "valid"

    def revoke(self, *, bank_consent_id: str) -> None:
        self._called("revoke")
        self.revoked.append(bank_consent_id)

    def accounts(self, access: BankAccess) -> tuple[BankAccount, ...]:
        self._read("accounts", access, counts=True)
        return tuple(self.accounts_held)

    def balances(self, access: BankAccess, account: BankAccount) -> tuple[BankBalance, ...]:
        self._read(f"balances {account.resource_id}", access, counts=True)
        if account.resource_id in self.balances_told:
            return self.balances_told[account.resource_id]
        return (
            BankBalance(
                type="closingBooked",
                amount=Decimal("100"),
                currency="EUR",
                as_of=datetime(2026, 11, 23, tzinfo=UTC),
            ),
        )

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
        self._read(f"{status} {account.resource_id} {page or 0}", access, counts=page is None)
        if status == "booked" and page is None:
            self.asked_since.append(date_from)
        ledger = (self.booked if status == "booked" else self.pending).get(account.resource_id, [])
        wanted = _newest_first(entry for entry in ledger if _day(entry) >= date_from)
        if self.lists_oldest_first:
            wanted.reverse()
        start = int(page or 0)
        end = start + PAGE_SIZE
        return TransactionsPage(
            transactions=tuple(wanted[start:end]), next_page=str(end) if end < len(wanted) else None
        )

    def _read(self, name: str, access: BankAccess, *, counts: bool) -> None:
        if counts and access.psu_ip_address is None:
            self.unattended.append((name, self._clock.now()))
        self._called(name)
        if access.access_token != self.access_token or self._clock.now() >= self.token_expires_at:
            raise BankTokenExpired(BANK_ID, "TOKEN_EXPIRED")

    def _called(self, name: str) -> None:
        self.calls.append(name)
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure


def _newest_first(entries: Iterator[BankTransaction]) -> list[BankTransaction]:
    return sorted(entries, key=lambda entry: (_day(entry), entry.external_id or ""), reverse=True)


def _day(entry: BankTransaction) -> date:
    return entry.booking_date or entry.value_date or date.max


def booked_of(entry: BankTransaction, **changes: object) -> BankTransaction:
    """A pending entry as it is once booked."""
    return msgspec.structs.replace(entry, status="booked", **changes)
