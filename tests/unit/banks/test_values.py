from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from shared.banks import values
from shared.banks.values import Malformed
from shared.domain.errors import BankUnavailable

ZAGREB = "Europe/Zagreb"


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("  Ana   Horvat ", "Ana Horvat"),
        ("C\u030caric\u0301", "Čarić"),
        ("line one\r\nline two\ttabbed", "line one line two tabbed"),
        ("nul\x00bell\x07esc\x1b", "nulbellesc"),
        ("right\u202eto\u200bleft\ufeff", "righttoleft"),
        ("half\ud800pair", "halfpair"),
        ("Đorđe Žižić", "Đorđe Žižić"),
        (" \t\n", None),
        ("", None),
        (None, None),
        (5, None),
        (["a"], None),
    ],
)
def test_text(raw: Any, kept: str | None) -> None:
    assert values.text(raw) == kept


@pytest.mark.parametrize(
    "raw", [" ", "", "NOTPROVIDED", "notprovided", "NOT PROVIDED", "N/A", "null", "-", None, True, {}]
)
def test_words_that_banks_write_instead_of_an_id(raw: Any) -> None:
    assert values.identifier(raw) is None


def test_ids_are_kept_as_they_are() -> None:
    assert values.identifier(" 2026-11/000123 ") == "2026-11/000123"
    assert values.identifier(12345) == "12345"
    assert values.identifier("0") == "0"


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("hr12 1001 0051 8630 0016 0", "HR1210010051863000160"),
        ("123-4567890-12", None),
        ("HR12", None),
        (None, None),
        ({"iban": "HR1210010051863000160"}, None),
    ],
)
def test_iban(raw: Any, kept: str | None) -> None:
    assert values.iban(raw) == kept


@pytest.mark.parametrize(
    ("raw", "amount"),
    [
        ("12.50", "12.50"),
        ("-0.01", "-0.01"),
        (" 7 ", "7"),
        (7, "7"),
        (Decimal("0.1"), "0.1"),
        (Decimal("1E+2"), "100"),
    ],
)
def test_amounts_are_exact(raw: Any, amount: str) -> None:
    assert str(values.amount(raw, "amount")) == amount


@pytest.mark.parametrize(
    "raw",
    [
        "", "1,50", "1.234,56", "1 000", "+5", "1e3", "NaN", "Infinity", "--1", "1.23456", "1" * 16, "٣",
        1.5, True, None, [], {}, Decimal("1E+999999"), Decimal("NaN"),
    ],
)  # fmt: skip
def test_amounts_that_are_none(raw: Any) -> None:
    with pytest.raises(Malformed, match=r"^amount$"):
        values.amount(raw, "amount")


@pytest.mark.parametrize(
    ("raw", "amount"),
    [
        ("1.234,56", "1234.56"),
        ("-1.234.567,5", "-1234567.5"),
        ("0,00", "0.00"),
        ("12", "12"),
        ("1234,56", "1234.56"),
    ],
)
def test_balkan_amounts(raw: str, amount: str) -> None:
    assert str(values.balkan_amount(raw, "amount")) == amount


@pytest.mark.parametrize("raw", ["1.23,45", "1.2345,67", "1,234.56", "12.5", "", ",5", None, 5])
def test_balkan_amounts_that_are_none(raw: Any) -> None:
    with pytest.raises(Malformed):
        values.balkan_amount(raw, "amount")


@pytest.mark.parametrize(
    ("raw", "day"),
    [
        ("2026-02-25", date(2026, 2, 25)),
        ("2026-02-25T23:30:00", date(2026, 2, 25)),
        ("2026-02-25 00:10:00.123", date(2026, 2, 25)),
        ("2026-02-25T23:30:00Z", date(2026, 2, 26)),
        ("2026-02-25T23:30:00-05:00", date(2026, 2, 26)),
        ("0001-01-01", None),
        ("0001-01-01T00:00:00Z", None),
        ("9999-12-31", None),
        ("9999-12-31T23:59:59-12:00", None),
        ("2026-02-30", None),
        ("25.02.2026", None),
        ("", None),
        (20260225, None),
    ],
)
def test_dates_are_the_banks_local_ones(raw: Any, day: date | None) -> None:
    assert values.local_date(raw, ZAGREB) == day


def test_moments() -> None:
    assert values.moment("2026-11-24 10:15:00", ZAGREB) == datetime(2026, 11, 24, 9, 15, tzinfo=UTC)
    assert values.moment("2026-07-24T10:15:00", ZAGREB) == datetime(2026, 7, 24, 8, 15, tzinfo=UTC)
    assert values.moment("2017-10-25T15:30:35.035Z", ZAGREB) == datetime(
        2017, 10, 25, 15, 30, 35, 35000, tzinfo=UTC
    )
    assert values.moment("2017-10-25", ZAGREB) == date(2017, 10, 25)


@pytest.mark.parametrize(
    ("raw", "day"),
    [
        ("24.11.2026", date(2026, 11, 24)),
        ("1.2.2026.", date(2026, 2, 1)),
        ("31.02.2026", None),
        ("2026-11-24", None),
        (None, None),
    ],
)
def test_balkan_dates(raw: Any, day: date | None) -> None:
    assert values.balkan_date(raw) == day


@pytest.mark.parametrize(
    ("raw", "truth"),
    [
        (True, True),
        ("true", True),
        ("TRUE ", True),
        ("1", True),
        (False, False),
        ("false", False),
        (None, False),
        (1, False),
        ([], False),
    ],
)
def test_booleans_may_be_strings(raw: Any, truth: bool) -> None:
    assert values.truth(raw) is truth


def test_the_hash_is_of_the_content() -> None:
    assert values.raw_hash({"a": 1, "b": "č"}) == values.raw_hash({"b": "č", "a": 1})
    assert values.raw_hash({"a": 1}) != values.raw_hash({"a": "1"})
    assert len(values.raw_hash({"lone": "\ud800"})) == 64


def test_what_makes_no_sense_is_the_banks_failure_and_tells_no_content() -> None:
    with pytest.raises(BankUnavailable) as raised, values.sensible("any-bank"):
        values.currency("Ana Horvat", "currency")
    assert raised.value.bank_id == "any-bank"
    assert str(raised.value) == "The bank's answer makes no sense: currency."
