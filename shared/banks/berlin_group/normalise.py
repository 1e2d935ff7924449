"""A bank's entry in `transactions.booked` or `.pending` → BankTransaction. Pure; the profile's rules decide.

The entry is never changed. Raises BankUnavailable where a part that must be right (amount, direction,
booking date) cannot be: a transaction with a guessed sign is worse than one that comes later.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from shared.banks import values
from shared.banks.profile import BankProfile
from shared.banks.values import Malformed
from shared.domain.bank_data import BankAccount, BankTransaction, BookingStatus, Direction

_REMITTANCE_FIELDS = (
    "remittanceInformationUnstructured",
    "remittanceInformationUnstructuredArray",
    "remittanceInformationStructured",
    "remittanceInformationStructuredArray",
    "additionalInformation",
)
_OUTBOUND_FAMILIES = frozenset(
    {"ICDT", "IRCT", "RDDT", "CCRD", "ICHQ", "RCHQ", "CHRG", "FEES", "COMM", "CWDL"}
)
_INBOUND_FAMILIES = frozenset({"RCDT", "RRCT", "IDDT", "CDPT"})
"""ISO 20022 bank transaction codes, families and sub-families whose direction is certain."""


def transaction(
    entry: Any, *, profile: BankProfile, account: BankAccount, status: BookingStatus
) -> BankTransaction:
    with values.sensible(profile.id):
        return _transaction(
            values.mapping(entry, "transaction"), profile=profile, account=account, status=status
        )


def _transaction(
    entry: Mapping[str, Any], *, profile: BankProfile, account: BankAccount, status: BookingStatus
) -> BankTransaction:
    money = values.mapping(entry.get("transactionAmount"), "transactionAmount")
    signed = values.amount(money.get("amount"), "transactionAmount.amount")
    way = _direction(entry, signed=signed, account=account, profile=profile, status=status)
    creditor_iban, debtor_iban = _party_iban(entry, "creditor"), _party_iban(entry, "debtor")
    creditor_name, debtor_name = values.text(entry.get("creditorName")), values.text(entry.get("debtorName"))
    if way == "outbound":
        debtor_iban = debtor_iban or account.iban
        creditor_name = creditor_name or _hidden_payee(entry, profile)
    else:
        creditor_iban = creditor_iban or account.iban
        debtor_name = debtor_name or _hidden_payee(entry, profile)
    return BankTransaction(
        status=status,
        external_id=_first_identifier(entry, profile.id_fields),
        entry_reference=values.identifier(entry.get("entryReference")),
        end_to_end_id=values.identifier(entry.get("endToEndId")),
        booking_date=_booking_date(entry, profile=profile, status=status),
        value_date=values.local_date(entry.get("valueDate"), profile.time_zone),
        amount=abs(signed),
        currency=values.currency(money.get("currency"), "transactionAmount.currency"),
        direction=way,
        creditor_name=creditor_name,
        creditor_iban=creditor_iban,
        debtor_name=debtor_name,
        debtor_iban=debtor_iban,
        remittance_info=_remittance(entry),
        balance_after=_balance_after(entry),
        raw_hash=values.raw_hash(entry),
    )


def _direction(
    entry: Mapping[str, Any],
    *,
    signed: Decimal,
    account: BankAccount,
    profile: BankProfile,
    status: BookingStatus,
) -> Direction:
    rule = profile.sign_rule_for(status)
    if rule == "signed":
        return "outbound" if signed < 0 else "inbound"
    if rule == "inverted":
        return "inbound" if signed < 0 else "outbound"
    if signed < 0:
        # A bank that never signs has signed this one, as in the standard's own example.
        return "outbound"
    return _direction_by_parties(entry, account=account) or _direction_by_code(entry)


def _direction_by_parties(entry: Mapping[str, Any], *, account: BankAccount) -> Direction | None:
    """The party that the bank names is the other one, unless it is this very account."""
    creditor_iban, debtor_iban = _party_iban(entry, "creditor"), _party_iban(entry, "debtor")
    if account.iban is not None and creditor_iban != debtor_iban:
        if debtor_iban == account.iban:
            return "outbound"
        if creditor_iban == account.iban:
            return "inbound"
    has_creditor, has_debtor = _has_party(entry, "creditor"), _has_party(entry, "debtor")
    if has_creditor == has_debtor:
        return None
    return "outbound" if has_creditor else "inbound"


def _direction_by_code(entry: Mapping[str, Any]) -> Direction:
    code = values.text(entry.get("bankTransactionCode")) or ""
    parts = frozenset(code.upper().split("-"))
    outbound, inbound = bool(parts & _OUTBOUND_FAMILIES), bool(parts & _INBOUND_FAMILIES)
    if outbound == inbound:
        raise Malformed("the direction of a transaction")
    return "outbound" if outbound else "inbound"


def _has_party(entry: Mapping[str, Any], role: str) -> bool:
    named = values.text(entry.get(f"{role}Name")) or values.text(entry.get(f"{role}Id"))
    account = entry.get(f"{role}Account")
    return named is not None or (isinstance(account, dict) and any(map(values.text, account.values())))


def _party_iban(entry: Mapping[str, Any], role: str) -> str | None:
    account = entry.get(f"{role}Account")
    return values.iban(account.get("iban")) if isinstance(account, dict) else None


def _hidden_payee(entry: Mapping[str, Any], profile: BankProfile) -> str | None:
    return next(filter(None, (values.text(entry.get(field)) for field in profile.payee_fields)), None)


def _first_identifier(entry: Mapping[str, Any], fields: tuple[str, ...]) -> str | None:
    return next(filter(None, (values.identifier(entry.get(field)) for field in fields)), None)


def _booking_date(entry: Mapping[str, Any], *, profile: BankProfile, status: BookingStatus) -> date | None:
    fields = profile.booking_date_fields if status == "booked" else ("bookingDate",)
    dates = (values.local_date(entry.get(field), profile.time_zone) for field in fields)
    found = next(filter(None, dates), None)
    if found is None and status == "booked":
        raise Malformed("bookingDate")
    return found


def _remittance(entry: Mapping[str, Any]) -> str | None:
    return next(filter(None, (_remittance_text(entry.get(field)) for field in _REMITTANCE_FIELDS)), None)


def _remittance_text(value: Any) -> str | None:
    """A string, an object with a `reference`, or a list of either."""
    if isinstance(value, list):
        return (
            " ".join(filter(None, (_remittance_text(part) for part in value if not isinstance(part, list))))
            or None
        )
    if isinstance(value, dict):
        value = value.get("reference")
    return values.identifier(value) if isinstance(value, str) else None


def _balance_after(entry: Mapping[str, Any]) -> Decimal | None:
    balance = entry.get("balanceAfterTransaction")
    money = balance.get("balanceAmount") if isinstance(balance, dict) else None
    if not isinstance(money, dict):
        return None
    return values.amount(money.get("amount"), "balanceAfterTransaction")
