from __future__ import annotations

from decimal import Decimal

import hypothesis.strategies as st
import pytest
from hypothesis import given

from shared.domain.money import format_amount, parse_amount

amounts = st.decimals(
    min_value=Decimal("-999999999999999.9999"), max_value=Decimal("999999999999999.9999"), places=4
)


@given(amounts)
def test_an_amount_survives_its_text(amount: Decimal) -> None:
    text = format_amount(amount)
    assert parse_amount(text) == amount
    assert len(text.partition(".")[2]) == 4


def test_an_amount_has_four_decimals_and_no_negative_zero() -> None:
    assert format_amount(Decimal("5000")) == "5000.0000"
    assert format_amount(Decimal("-0.0000")) == "0.0000"
    assert format_amount(Decimal("1E+3")) == "1000.0000"


@pytest.mark.parametrize(
    "text", ["", "1,50", "1.", ".5", "1e3", "NaN", "Infinity", " 1", "1.00001", "1" * 16, "--1", "٣"]
)
def test_what_is_not_a_plain_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        parse_amount(text)


@pytest.mark.parametrize("amount", [Decimal("0.00001"), Decimal(10) ** 15])
def test_an_amount_that_does_not_fit_is_refused_not_rounded(amount: Decimal) -> None:
    with pytest.raises(ValueError, match="amount"):
        format_amount(amount)
