"""Accounts and balances: the calls, and their normalisation (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from shared.banks import values
from shared.banks.berlin_group.api import BerlinGroupApi
from shared.banks.profile import BankProfile
from shared.banks.values import Malformed
from shared.domain.bank_data import AccountType, BalanceType, BankAccess, BankAccount, BankBalance

MULTICURRENCY = "XXX"
_ACCOUNT_TYPES: dict[str, AccountType] = {
    "CACC": "current",
    "TRAN": "current",
    "CASH": "current",
    "SVGS": "savings",
    "LLSV": "savings",
    "CARD": "card",
    "LOAN": "loan",
}
_BALANCE_TYPES: dict[str, BalanceType] = {
    "closingbooked": "closingBooked",
    "expected": "expected",
    "authorised": "expected",  # its name in version 1.2
    "openingbooked": "openingBooked",
    "interimavailable": "interimAvailable",
    "interimbooked": "interimBooked",
    "forwardavailable": "forwardAvailable",
    "clbd": "closingBooked",
    "xpcd": "expected",
    "opbd": "openingBooked",
    "itav": "interimAvailable",
    "itbd": "interimBooked",
    "fwav": "forwardAvailable",
}


def read_accounts(api: BerlinGroupApi, access: BankAccess) -> tuple[BankAccount, ...]:
    return accounts(api.as_psu(api.url("accounts"), access), profile=api.profile)


def read_balances(api: BerlinGroupApi, access: BankAccess, account: BankAccount) -> tuple[BankBalance, ...]:
    body = api.as_psu(api.url("accounts", account.resource_id, "balances"), access)
    return balances(body, profile=api.profile)


def accounts(body: Any, *, profile: BankProfile) -> tuple[BankAccount, ...]:
    """`{"accounts": […]}`. The aggregate of a multicurrency account is left out where its parts are listed."""
    with values.sensible(profile.id):
        listed = values.sequence(values.mapping(body, "accounts").get("accounts"), "accounts")
        found = [
            _account(values.mapping(entry, "account"))
            for entry in listed
            if not (isinstance(entry, dict) and entry.get("status") == "deleted")
        ]
    parts = {account.iban for account in found if account.currency != MULTICURRENCY}
    return tuple(
        account for account in found if account.currency != MULTICURRENCY or account.iban not in parts
    )


def balances(body: Any, *, profile: BankProfile) -> tuple[BankBalance, ...]:
    """`{"balances": […]}`. A balance that is told both with and without the credit limit is kept without."""
    with values.sensible(profile.id):
        listed = values.sequence(values.mapping(body, "balances").get("balances"), "balances")
        found = [
            balance
            for entry in listed
            if (balance := _balance(values.mapping(entry, "balance"), profile=profile)) is not None
        ]
    pure = {(balance.type, balance.currency) for balance in found if not balance.credit_limit_included}
    return tuple(
        balance
        for balance in found
        if not balance.credit_limit_included or (balance.type, balance.currency) not in pure
    )


def _account(entry: Mapping[str, Any]) -> BankAccount:
    resource_id = values.identifier(entry.get("resourceId"))
    if resource_id is None:
        raise Malformed("resourceId")
    kind = (values.text(entry.get("cashAccountType")) or "").upper()
    return BankAccount(
        resource_id=resource_id,
        iban=values.iban(entry.get("iban")),
        masked_identity=_first(entry, ("maskedPan", "bban", "msisdn")),
        currency=values.currency(entry.get("currency"), "currency"),
        name=_first(entry, ("name", "displayName", "product")),
        owner_name=values.text(entry.get("ownerName")) or _owner_names(entry.get("ownerNames")),
        type=_ACCOUNT_TYPES.get(kind, "other"),
    )


def _balance(entry: Mapping[str, Any], *, profile: BankProfile) -> BankBalance | None:
    """None for what is no balance of an account, such as `nonInvoiced` or a card's `debitAccounting`."""
    kind = _BALANCE_TYPES.get((values.text(entry.get("balanceType")) or "").lower())
    if kind is None:
        return None
    money = values.mapping(entry.get("balanceAmount"), "balanceAmount")
    return BankBalance(
        type=kind,
        amount=values.amount(money.get("amount"), "balanceAmount.amount"),
        currency=values.currency(money.get("currency"), "balanceAmount.currency"),
        as_of=values.moment(entry.get("lastChangeDateTime"), profile.time_zone)
        or values.moment(entry.get("referenceDate"), profile.time_zone),
        credit_limit_included=values.truth(entry.get("creditLimitIncluded")),
    )


def _first(entry: Mapping[str, Any], fields: Iterable[str]) -> str | None:
    return next(filter(None, (values.text(entry.get(field)) for field in fields)), None)


def _owner_names(value: Any) -> str | None:
    if not isinstance(value, list):
        return None
    names = (values.text(owner.get("name")) for owner in value if isinstance(owner, dict))
    return ", ".join(filter(None, names)) or None
