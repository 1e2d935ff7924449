"""The body of POST /v1/consents, read strictly."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from xs2a_bank.consents import MAX_READS_PER_DAY, ConsentRequest
from xs2a_bank.records import Right
from xs2a_bank.refusals import Reason, Refusal

Iban = Annotated[str, Meta(pattern=r"^[A-Z]{2}[0-9]{2}[a-zA-Z0-9]{1,30}$")]
AllAccounts = Literal["allAccounts", "allAccountsWithOwnerName"]
MAX_ACCOUNTS = 50


class Reference(msgspec.Struct, kw_only=True):
    iban: Iban
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] | msgspec.UnsetType = msgspec.UNSET


References = Annotated[list[Reference], Meta(max_length=MAX_ACCOUNTS)] | msgspec.UnsetType


class Access(msgspec.Struct, kw_only=True, rename="camel"):
    accounts: References = msgspec.UNSET
    balances: References = msgspec.UNSET
    transactions: References = msgspec.UNSET
    available_accounts: AllAccounts | msgspec.UnsetType = msgspec.UNSET
    available_accounts_with_balance: AllAccounts | msgspec.UnsetType = msgspec.UNSET
    all_psd2: AllAccounts | msgspec.UnsetType = msgspec.field(name="allPsd2", default=msgspec.UNSET)


class Body(msgspec.Struct, kw_only=True, rename="camel"):
    access: Access
    recurring_indicator: bool
    valid_until: date
    frequency_per_day: Annotated[int, Meta(ge=1, le=MAX_READS_PER_DAY)]
    combined_service_indicator: bool


def parse_consent_body(raw: bytes, *, today: date) -> ConsentRequest:
    try:
        body = msgspec.json.decode(raw, type=Body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal(Reason.FORMAT_ERROR, str(error)) from None
    if body.valid_until < today:
        raise Refusal(Reason.FORMAT_ERROR, "validUntil lies in the past", path="validUntil")
    if not body.recurring_indicator and body.frequency_per_day != 1:
        raise Refusal(Reason.FORMAT_ERROR, "a one-off consent has frequencyPerDay 1", path="frequencyPerDay")
    return ConsentRequest(
        rights=_rights(body.access),
        asked_ibans=_asked_ibans(body.access),
        access=msgspec.to_builtins(body.access),
        recurring=body.recurring_indicator,
        valid_until=body.valid_until,
        frequency_per_day=body.frequency_per_day,
    )


def _rights(access: Access) -> tuple[Right, ...]:
    if access.all_psd2:
        return ("accounts", "balances", "transactions")
    rights: list[Right] = ["accounts"]
    if access.balances is not msgspec.UNSET or access.available_accounts_with_balance:
        rights.append("balances")
    if access.transactions is not msgspec.UNSET:
        rights.append("transactions")
    if access == Access():
        raise Refusal(Reason.FORMAT_ERROR, "access asks for nothing", path="access")
    return tuple(rights)


def _asked_ibans(access: Access) -> tuple[str, ...]:
    """Every account that is named; none when the choice is left to the bank and the PSU."""
    lists = (access.accounts, access.balances, access.transactions)
    named = [reference.iban for references in lists if references for reference in references]
    return tuple(dict.fromkeys(named))
