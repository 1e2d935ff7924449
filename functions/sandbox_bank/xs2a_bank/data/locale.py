"""What daily life looks like on a statement in one country. One file a country in `locales/`.

Prices are in units; `unit_minor` turns them into the country's money, so that one life costs lifelike sums
in each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shop:
    name: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Bill:
    name: str
    text: str
    """May hold {month} and {year}, of the month before."""
    day: int
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """May hold {month}, {year} and {name}."""

    salary: str
    rent: str
    cash: str
    fee: str
    interest: str
    saving: str
    withdrawal: str
    round_up: str
    gifts: tuple[str, ...]
    currency_sale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Locale:
    country: str
    unit_minor: float
    """Hundredths of the currency that one unit costs."""
    months: tuple[str, ...]
    bank_codes: tuple[str, ...]
    """Of the banks where counterparties have their accounts."""
    reference: Callable[[int], str]
    """A payment reference from a number, in the country's own model."""
    employers: tuple[str, ...]
    shops: tuple[Shop, ...]
    small_shops: tuple[Shop, ...]
    """Where one buys the same thing twice a day: a ticket, a coffee, an hour of parking."""
    cities: tuple[str, ...]
    """Where one draws cash."""
    bills: tuple[Bill, ...]
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    texts: Texts
    products: dict[str, str]
    """Account slug → the bank's product name."""
