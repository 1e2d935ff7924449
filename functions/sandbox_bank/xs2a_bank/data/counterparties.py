"""The other side of a movement: employers, landlords, shops and friends, each with an account of its own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from .accounts import make_iban, stable_number
from .locales import LOCALES
from .model import Counterparty


@dataclass(frozen=True, slots=True)
class Circle:
    """The people and firms that one account deals with."""

    employer: Counterparty
    landlord: Counterparty
    friends: tuple[Counterparty, ...]
    billers: tuple[Counterparty, ...]
    shops: tuple[Counterparty, ...]
    small_shops: tuple[Counterparty, ...]


@cache
def circle_of(country: str, seed: str) -> Circle:
    locale = LOCALES[country]
    number = stable_number(f"circle/{country}/{seed}")
    people = [
        f"{locale.first_names[(number + i) % len(locale.first_names)]} "
        f"{locale.last_names[(number // 7 + i * 3) % len(locale.last_names)]}"
        for i in range(7)
    ]
    return Circle(
        employer=_firm(country, locale.employers[number % len(locale.employers)]),
        landlord=_firm(country, people[0]),
        friends=tuple(_firm(country, name) for name in people[1:]),
        billers=tuple(_firm(country, bill.name) for bill in locale.bills),
        # Card payments name the shop and no account.
        shops=tuple(Counterparty(shop.name, None) for shop in locale.shops),
        small_shops=tuple(Counterparty(shop.name, None) for shop in locale.small_shops),
    )


@cache
def _firm(country: str, name: str) -> Counterparty:
    codes = LOCALES[country].bank_codes
    code = codes[stable_number(f"bank/{name}") % len(codes)]
    return Counterparty(name, make_iban(country, code, f"counterparty/{country}/{name}"))
