from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from shared.domain.accounts import account_id, headline_balance, present_balances
from shared.domain.bank_data import BalanceType, BankAccount, BankBalance

ZAGREB = ZoneInfo("Europe/Zagreb")
READ_AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def account(**changes: object) -> BankAccount:
    fields: dict[str, object] = {
        "resource_id": "r1",
        "iban": "HR1723600001101234565",
        "masked_identity": None,
        "currency": "EUR",
        "name": None,
        "owner_name": None,
        "type": "current",
    } | changes
    return BankAccount(**fields)  # type: ignore[arg-type]


def balance(kind: BalanceType, as_of: datetime | date | None) -> BankBalance:
    return BankBalance(type=kind, amount=Decimal("-12.5"), currency="EUR", as_of=as_of)


def test_an_account_keeps_its_id_when_the_banks_handle_changes() -> None:
    first = account_id("org_1", "erste-hr", account())
    assert account_id("org_1", "erste-hr", account(resource_id="r2", name="Tekući")) == first


def test_another_organisation_bank_or_currency_is_another_account() -> None:
    assert (
        len(
            {
                account_id("org_1", "erste-hr", account()),
                account_id("org_2", "erste-hr", account()),
                account_id("org_1", "nlb-si", account()),
                account_id("org_1", "erste-hr", account(currency="USD")),
                account_id("org_1", "erste-hr", account(iban=None, masked_identity="**** 1234")),
            }
        )
        == 5
    )


def test_balances_are_signed_and_say_when_they_were_true() -> None:
    bare_date, local_time, unsaid, today = present_balances(
        (
            balance("closingBooked", date(2026, 11, 23)),
            balance("interimBooked", datetime(2026, 11, 24, 8, 30)),
            balance("expected", None),
            balance("interimAvailable", date(2026, 11, 24)),
        ),
        read_at=READ_AT,
        zone=ZAGREB,
    )
    assert bare_date.amount == "-12.5000"
    assert bare_date.as_of == datetime(2026, 11, 23, 22, 59, 59, tzinfo=UTC)
    assert local_time.as_of == datetime(2026, 11, 24, 7, 30, tzinfo=UTC)
    assert unsaid.as_of == READ_AT
    assert today.as_of == READ_AT, "a day that is not over cannot have been read at its end"


def test_the_headline_is_what_is_booked_now_before_what_is_available() -> None:
    shown = present_balances(
        (balance("interimAvailable", None), balance("closingBooked", None)), read_at=READ_AT, zone=ZAGREB
    )
    headline = headline_balance(shown)
    assert headline is not None
    assert headline.type == "closingBooked"
    assert headline_balance(()) is None


def test_a_credit_limit_is_not_money_that_is_there() -> None:
    plain = balance("interimAvailable", None)
    with_limit = BankBalance(
        type="interimBooked", amount=Decimal("5000"), currency="EUR", as_of=None, credit_limit_included=True
    )
    shown = present_balances((with_limit, plain), read_at=READ_AT, zone=ZAGREB)
    assert [found.amount for found in shown] == ["-12.5000"]
