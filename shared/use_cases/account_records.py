"""What is stored of an account besides its transactions: when it is found, when it was read, when it changes hands."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from shared.domain.accounts import AccountHead, AccountRecord, head_of, headline_balance, present_balances
from shared.domain.bank_data import BankAccount
from shared.domain.budgets import RefreshBudget
from shared.domain.consents import Consent
from shared.domain.readings import Reading
from shared.use_cases.ports import BankRules


def new_record(
    account_id: str, bank_account: BankAccount, consent: Consent, *, rules: BankRules
) -> AccountRecord:
    """An account that has been found and not yet read."""
    return AccountRecord(
        id=account_id,
        bank_id=consent.bank_id,
        bank_name=consent.bank_name,
        country=consent.country,
        consent_id=consent.id,
        iban=bank_account.iban,
        currency=bank_account.currency,
        name=bank_account.name,
        owner_name=bank_account.owner_name,
        type=bank_account.type,
        status="active",
        balance=None,
        balances=(),
        data_as_of=None,
        next_refresh_at=consent.next_sync_at,
        history_from=None,
        refresh=RefreshBudget(
            limit=rules.unattended_reads_per_day,
            remaining=rules.unattended_reads_per_day,
            next_refresh_at=consent.next_sync_at,
        ),
        feed_status="unproved",
        feed_gap=None,
        access_until=head_of(consent).expires_at,
    )


def read_record(
    record: AccountRecord,
    bank_account: BankAccount,
    reading: Reading,
    consent: Consent,
    *,
    rules: BankRules,
    next_refresh_at: datetime,
    history_from: date,
) -> AccountRecord:
    """After a whole read of it under `consent`."""
    presented = present_balances(reading.balances, read_at=reading.read_at, zone=rules.time_zone)
    return msgspec.structs.replace(
        record,
        consent_id=_owner(record, consent),
        bank_name=consent.bank_name,
        iban=bank_account.iban,
        currency=bank_account.currency,
        name=bank_account.name,
        owner_name=bank_account.owner_name,
        type=bank_account.type,
        status="active",
        balance=headline_balance(presented),
        balances=presented,
        data_as_of=reading.read_at,
        next_refresh_at=next_refresh_at,
        history_from=history_from,
        refresh=RefreshBudget(
            limit=rules.unattended_reads_per_day,
            remaining=record.refresh.remaining,
            next_refresh_at=next_refresh_at,
        ),
    )


def handed_over(record: AccountRecord, consent: Consent) -> AccountRecord:
    """To a consent that did not read it."""
    return msgspec.structs.replace(
        record,
        consent_id=consent.id,
        bank_name=consent.bank_name,
        status="active",
        access_until=head_of(consent).expires_at,
    )


def head_for(record: AccountRecord, consent: Consent) -> AccountHead | None:
    """Written when the account changes hands, state or term; a repeated sync leaves it alone."""
    if _owner(record, consent) != consent.id:
        return None
    if (
        record.consent_id == consent.id
        and record.status == "active"
        and record.access_until == head_of(consent).expires_at
    ):
        return None
    return head_of(consent)


def _owner(record: AccountRecord, consent: Consent) -> str:
    """Two active consents may reach one account: the newer one answers for it. Ids sort by their time."""
    return max(record.consent_id, consent.id) if record.status == "active" else consent.id
