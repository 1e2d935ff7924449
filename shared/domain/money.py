"""Amounts are Decimals of at most 19 digits, 4 of them decimals, and leave as `"5000.0000"`. Never floats."""

from __future__ import annotations

import re
from decimal import Decimal

_DECIMALS = Decimal("0.0001")
_MAX = Decimal(10) ** 15
_PLAIN = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,4})?")
_CURRENCY = re.compile(r"[A-Z]{3}")


def parse_amount(text: str) -> Decimal:
    """`"1500.00"` → Decimal. Raises ValueError unless plain digits, at most 15 and 4 decimals."""
    if _PLAIN.fullmatch(text) is None:
        raise ValueError("an amount is digits with at most 4 decimals, such as 1500.00")
    return Decimal(text)


def format_amount(amount: Decimal) -> str:
    """Decimal → `"5000.0000"`. Raises ValueError beyond 4 significant decimals or 15 digits before them."""
    if abs(amount) >= _MAX:
        raise ValueError("amount out of range")
    quantised = amount.quantize(_DECIMALS)
    if quantised != amount:
        raise ValueError("an amount has at most 4 decimals")
    if quantised == 0:
        quantised = abs(quantised)
    return f"{quantised:f}"


def is_currency(text: str) -> bool:
    """Whether it has the form of an ISO 4217 code. Banks use XXX for multicurrency accounts."""
    return _CURRENCY.fullmatch(text) is not None
