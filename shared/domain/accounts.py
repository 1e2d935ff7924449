"""A bank account as clients see it, and the identity that survives a new consent."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from shared.domain import budgets
from shared.domain.bank_data import AccountType, BalanceType, BankAccount, BankBalance
from shared.domain.budgets import RefreshBudget
from shared.domain.consents import Consent, Status, wall_time
from shared.domain.ids import derived_id
from shared.domain.money import format_amount
from shared.domain.proofs import FeedGap, FeedStatus, Proof


class Balance(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    amount: str
    """Signed, 4 decimals."""
    currency: str
    type: BalanceType
    as_of: datetime


class Account(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    bank_id: str
    bank_name: str
    country: str
    consent_id: str
    iban: str | None
    currency: str
    name: str | None
    owner_name: str | None
    type: AccountType
    status: Status
    """Of its consent."""
    balance: Balance | None
    balances: tuple[Balance, ...]
    data_as_of: datetime | None
    """When the bank last answered for this account."""
    next_refresh_at: datetime | None
    history_from: date | None
    """The first day that the transactions reach back to."""
    refresh: RefreshBudget
    feed_status: FeedStatus
    """Whether the balances prove that no transaction is missing."""
    feed_gap: FeedGap | None


class AccountRecord(Account, frozen=True, kw_only=True, rename="camel"):
    """What is stored: an account, and what only the sync needs of it. Clients get `public_account`."""

    reads: tuple[datetime, ...] = ()
    """When unattended reads were reserved (`domain.budgets`)."""
    limited_until: datetime | None = None
    """The bank answered 429: no unattended read before this."""
    proof: Proof = Proof()
    changes: int = 0
    """The number of the newest document in its change feed."""
    access_until: datetime | None = None
    """`expires_at` of its head, as last written."""
    missing: tuple[str, ...] = ()
    """Booked transactions that the last whole read did not list, while nothing proves that they are gone."""
    unlisted: tuple[str, ...] = ()
    """Booked transactions that the last read of the whole history did not list."""
    history: Literal["settled", "fresh", "again"] = "settled"
    """fresh: the last read was of the whole history, and the list may have moved under it; again: it did, and the next
    read is of the whole history too."""


class AccountHead(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Whether an account's data may be read now. Kept beside its pages, so that one query answers both."""

    status: Status
    expires_at: datetime
    """By the wall clock, so that a reader need not know how far the organisation has moved its own."""


def public_account(record: AccountRecord, *, at: datetime, wall_at: datetime) -> Account:
    """As clients see it at `at`, which is `wall_at` by the wall clock. The clock decides whether access is over."""
    shown = {name: getattr(record, name) for name in Account.__struct_fields__}
    budget = refresh_budget(record, at=at)
    if record.status == "active" and record.access_until is not None and wall_at >= record.access_until:
        shown |= {"status": "expired"}
        budget = msgspec.structs.replace(budget, next_refresh_at=None)
    return Account(**shown | {"refresh": budget, "next_refresh_at": budget.next_refresh_at})


def refresh_budget(record: AccountRecord, *, at: datetime) -> RefreshBudget:
    """What is left at `at` of the unattended reads."""
    limit, next_refresh_at = record.refresh.limit, record.next_refresh_at
    left = 0 if _is_limited(record, at=at) else budgets.remaining(record.reads, limit=limit, at=at)
    if not left and next_refresh_at is not None:
        # Whose turn comes before is left out, and read as soon as that is allowed.
        next_refresh_at = max(next_refresh_at, refresh_free_at(record, at=at))
    return RefreshBudget(limit=limit, remaining=left, next_refresh_at=next_refresh_at)


def refresh_free_at(record: AccountRecord, *, at: datetime) -> datetime:
    """The earliest time, from `at` on, at which an unattended read is allowed."""
    free = budgets.free_at(record.reads, limit=record.refresh.limit, at=at)
    return max(free, record.limited_until) if record.limited_until else free


def reserve_read(record: AccountRecord, *, at: datetime) -> AccountRecord | None:
    """With one more unattended read; None when none is allowed at `at`."""
    if _is_limited(record, at=at):
        return None
    reads = budgets.reserve(record.reads, limit=record.refresh.limit, at=at)
    return None if reads is None else msgspec.structs.replace(record, reads=reads)


def _is_limited(record: AccountRecord, *, at: datetime) -> bool:
    return record.limited_until is not None and at < record.limited_until


_PREFERRED_BALANCES: tuple[BalanceType, ...] = (
    "interimBooked", "closingBooked", "interimAvailable", "expected", "forwardAvailable", "openingBooked",
)  # fmt: skip


def head_of(consent: Consent) -> AccountHead:
    """Of the accounts that hang on this consent."""
    return AccountHead(status=consent.status, expires_at=wall_time(consent.expires_at, consent))


def account_id(organisation_id: str, bank_id: str, account: BankAccount) -> str:
    """The same account at the same bank is the same id, whatever consent finds it."""
    identity = account.iban or account.masked_identity or account.resource_id
    return derived_id("acc", organisation_id, bank_id, identity, account.currency)


def present_balances(
    balances: tuple[BankBalance, ...], *, read_at: datetime, zone: ZoneInfo
) -> tuple[Balance, ...]:
    """A balance that a credit limit is mixed into is left out where the bank gives a plain one beside it."""
    plain = tuple(balance for balance in balances if not balance.credit_limit_included)
    return tuple(
        Balance(
            amount=format_amount(balance.amount),
            currency=balance.currency,
            type=balance.type,
            as_of=_as_of(balance.as_of, read_at=read_at, zone=zone),
        )
        for balance in plain or balances
    )


def headline_balance(balances: tuple[Balance, ...]) -> Balance | None:
    """The one that a client shows: what is booked now, before what is available or expected."""
    for wanted in _PREFERRED_BALANCES:
        for balance in balances:
            if balance.type == wanted:
                return balance
    return None


def _as_of(as_of: datetime | date | None, *, read_at: datetime, zone: ZoneInfo) -> datetime:
    """A bank's bare date is that day's end in its zone, but never later than the reading itself."""
    if as_of is None:
        return read_at
    if isinstance(as_of, datetime):
        aware = as_of if as_of.tzinfo else as_of.replace(tzinfo=zone)
        return aware.astimezone(UTC)
    end_of_day = datetime.combine(as_of, time(23, 59, 59), zone).astimezone(UTC)
    return min(end_of_day, read_at)
