"""Raiffeisen Bank BiH. No standard is in force in Bosnia and Herzegovina: an interface of the bank's own.

Amounts are `"1.234,56"`, dates `dd.mm.yyyy`, times local without a zone; `type` D is duguje (debit), P is
potražuje (credit); balances come with the accounts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from shared.banks import values
from shared.banks.dialect import Entries, Mandate
from shared.banks.failures import Meaning
from shared.banks.profile import BankProfile, BankSetup
from shared.banks.values import Malformed
from shared.domain.bank_data import (
    AccountType,
    BalanceType,
    BankAccount,
    BankBalance,
    BankConsentState,
    BankTransaction,
    BookingStatus,
    Direction,
)

if TYPE_CHECKING:
    import httpx

    from shared.banks.connector import BankConnector
    from shared.domain.clock import Clock

PROFILE = BankProfile(
    id="raiffeisen-ba",
    name="Raiffeisen Bank BiH",
    country="BA",
    bic="RZBABA2S",
    base_urls={"sandbox": "{sandbox}/raiffeisen-ba"},
    issuers={"sandbox": "{sandbox}/raiffeisen-ba"},
    api_path="/api/v2",
    scope_template="mandate:{consent}",
    partner_auth="basic",
    paging="page_number",
    time_zone="Europe/Sarajevo",
    features=("accounts", "balances", "transactions", "pending_transactions"),
)

_MANDATE_STATES: dict[str, BankConsentState] = {
    "NEW": "pending",
    "ACTIVE": "valid",
    "REFUSED": "rejected",
    "CANCELLED": "revoked",
    "LAPSED": "expired",
}
_BALANCES: tuple[tuple[str, BalanceType], ...] = (
    ("booked", "interimBooked"),
    ("available", "interimAvailable"),
)
_PRODUCTS: tuple[tuple[str, AccountType], ...] = (
    ("teku", "current"),
    ("žiro", "current"),
    ("devizn", "current"),
    ("zajedni", "current"),
    ("šted", "savings"),
    ("kartic", "card"),
    ("kredit", "loan"),
)
_DIRECTIONS: dict[str, Direction] = {"D": "outbound", "P": "inbound"}
_ENTRY_STATES: dict[BookingStatus, str] = {"booked": "BOOKED", "pending": "RESERVED"}
_REFUSALS: dict[str, Meaning] = {
    "MANDATE_LAPSED": "consent_expired",
    "MANDATE_CANCELLED": "consent_revoked",
    "MANDATE_UNKNOWN": "access_refused",
    "TOKEN_EXPIRED": "token_expired",
    "TOKEN_INVALID": "access_refused",
    "LIMIT_EXCEEDED": "rate_limited",
    "PARTNER_UNKNOWN": "misconfigured",
}
_BY_STATUS: dict[int, Meaning] = {401: "token_expired", 429: "rate_limited"}


def connector(
    setup: BankSetup, *, clock: Clock, transport: httpx.BaseTransport | None = None
) -> BankConnector:
    from shared.banks.bilateral import BilateralConnector

    return BilateralConnector(setup, RaiffeisenBa(), clock=clock, transport=transport)


class RaiffeisenBa:
    mandates_path = "/mandates"
    accounts_path = "/accounts"
    entries_path = "/entries"
    mandate_header = "X-Mandate-No"
    psu_ip_header = "PSU-IP-Address"

    def mandate_request(self, *, valid_until: date, redirect_uri: str) -> Mapping[str, Any]:
        return {
            "purpose": "account-information",
            "validTo": _written(valid_until),
            "returnUrl": redirect_uri,
        }

    def mandate(self, body: Any) -> Mandate:
        told = values.mapping(body, "mandate")
        number = values.identifier(told.get("mandateNo"))
        state = told.get("state")
        if number is None:
            raise Malformed("mandateNo")
        if not isinstance(state, str) or state not in _MANDATE_STATES:
            raise Malformed("state")
        server = told.get("authorizationServer")
        return Mandate(
            number=number,
            state=_MANDATE_STATES[state],
            valid_until=values.balkan_date(told.get("validTo")),
            oauth_metadata_url=server if isinstance(server, str) else None,
        )

    def accounts(self, body: Any) -> tuple[BankAccount, ...]:
        return tuple(_account(item) for item in _items(body))

    def balances(self, body: Any, account: BankAccount) -> tuple[BankBalance, ...]:
        for item in _items(body):
            if values.identifier(item.get("accountNo")) == account.resource_id:
                return _balances(item)
        raise Malformed("items: the account is not listed any more")

    def entries_query(
        self, *, status: BookingStatus, date_from: date, date_to: date, page: int
    ) -> Mapping[str, str]:
        query = {
            "from": _written(date_from),
            "to": _written(date_to),
            "page": str(page),
            "size": str(PROFILE.page_size),
        }
        return query if status == "booked" else {**query, "state": _ENTRY_STATES[status]}

    def entries(self, body: Any, account: BankAccount, *, status: BookingStatus, page: int) -> Entries:
        answer = values.mapping(body, "entries")
        pages = answer.get("pages")
        if not isinstance(pages, int) or isinstance(pages, bool):
            raise Malformed("pages")
        listed = values.sequence(answer.get("entries"), "entries")
        return Entries(
            transactions=tuple(_transaction(entry, account, status=status) for entry in listed),
            next_page=page + 1 if page < pages else None,
        )

    def refusal(self, status: int, body: Any) -> tuple[Meaning, str]:
        code = body.get("errorCode") if isinstance(body, dict) else None
        if isinstance(code, str) and code in _REFUSALS:
            return _REFUSALS[code], code
        return _BY_STATUS.get(status, "refused"), f"HTTP {status}"


def _remittance(row: Mapping[str, Any]) -> str | None:
    """The purpose, then the payment reference (poziv na broj), by which invoices are matched."""
    parts = (values.text(row.get("purpose")), values.identifier(row.get("reference")))
    return " ".join(filter(None, parts)) or None


def _written(day: date) -> str:
    return f"{day:%d.%m.%Y}"


def _items(body: Any) -> list[Mapping[str, Any]]:
    listed = values.sequence(values.mapping(body, "accounts").get("items"), "items")
    return [values.mapping(item, "items") for item in listed]


def _account(item: Mapping[str, Any]) -> BankAccount:
    number = values.identifier(item.get("accountNo"))
    if number is None:
        raise Malformed("accountNo")
    iban = values.iban(number)
    return BankAccount(
        resource_id=number,
        iban=iban,
        masked_identity=None if iban else number,
        currency=values.currency(item.get("ccy"), "ccy"),
        name=values.text(item.get("product")),
        owner_name=values.text(item.get("holder")),
        type=_account_type(values.text(item.get("product"))),
    )


def _account_type(product: str | None) -> AccountType:
    """The interface has no field for it; the product's name tells: tekući račun, štedni račun, kartica, kredit."""
    named = (product or "").casefold()
    for word, kind in _PRODUCTS:
        if word in named:
            return kind
    return "other"


def _balances(item: Mapping[str, Any]) -> tuple[BankBalance, ...]:
    told = values.mapping(item.get("balances"), "balances")
    return tuple(
        BankBalance(
            type=kind,
            amount=values.balkan_amount(told[field], f"balances.{field}"),
            currency=values.currency(item.get("ccy"), "ccy"),
            as_of=values.moment(told.get("at"), PROFILE.time_zone),
        )
        for field, kind in _BALANCES
        if field in told
    )


def _transaction(entry: Any, account: BankAccount, *, status: BookingStatus) -> BankTransaction:
    row = values.mapping(entry, "entries")
    way = _DIRECTIONS.get(row["type"]) if isinstance(row.get("type"), str) else None
    if way is None:
        raise Malformed("type")
    if row.get("state") != _ENTRY_STATES[status]:
        raise Malformed("state")
    booking_date = values.balkan_date(row.get("date"))
    if booking_date is None and status == "booked":
        raise Malformed("date")
    given = row.get("partner")
    partner: Mapping[str, Any] = given if isinstance(given, dict) else {}
    name, iban = values.text(partner.get("name")), values.iban(partner.get("account"))
    outbound = way == "outbound"
    return BankTransaction(
        status=status,
        external_id=values.identifier(row.get("no")),
        entry_reference=None,
        end_to_end_id=None,
        booking_date=booking_date,
        value_date=values.balkan_date(row.get("valueDate")),
        amount=abs(values.balkan_amount(row.get("amount"), "amount")),
        currency=values.currency(row.get("ccy"), "ccy"),
        direction=way,
        creditor_name=name if outbound else None,
        creditor_iban=iban if outbound else account.iban,
        debtor_name=None if outbound else name,
        debtor_iban=account.iban if outbound else iban,
        remittance_info=_remittance(row),
        raw_hash=values.raw_hash(row),
    )
