"""Who owns which account at which bank."""

from __future__ import annotations

import hashlib
from datetime import date
from functools import cache

from schwifty import IBAN

from xs2a_bank.banks import BANKS
from xs2a_bank.people import PEOPLE

from .locales import LOCALES
from .model import Account

OPENED_ON = date(2024, 1, 1)
"""Books begin here, so that two years are there and a balance is the sum of all before it."""

HOUSEHOLD_SLUGS = ("current", "joint", "business")
SAVINGS_SLUGS = ("savings", "travel", "house", "car", "school", "rainy-day")


@cache
def accounts_of(bank_id: str, person: str) -> tuple[Account, ...]:
    """The person's accounts at the bank, main account first. KeyError for an unknown bank or person."""
    bank = BANKS[bank_id]
    locale = LOCALES[bank.country]
    holder = holder_name(bank_id, person)
    return tuple(
        Account(
            bank=bank_id,
            person=person,
            slug=slug,
            iban=make_iban(bank.country, bank.bank_code, f"{bank_id}/{person}/{slug}"),
            currency="EUR" if slug == "foreign" else bank.currency,
            holder=holder,
            product=locale.products[slug],
            opened_on=OPENED_ON,
        )
        for slug in PEOPLE[person].accounts
        if slug in locale.products
    )


def holder_name(bank_id: str, person: str) -> str:
    locale = LOCALES[BANKS[bank_id].country]
    number = stable_number(f"holder/{person}")
    if person in ("ana", "marko"):
        return f"{person.capitalize()} {locale.last_names[number % len(locale.last_names)]}"
    first = locale.first_names[number % len(locale.first_names)]
    return f"{first} {locale.last_names[number // 16 % len(locale.last_names)]}"


def make_iban(country: str, bank_code: str, seed: str) -> str:
    """A valid IBAN of the country and bank, the same for the same seed."""
    number = stable_number(seed) % 9_000_000 + 1_000_000
    return str(IBAN.generate(country, bank_code=bank_code, account_code=str(number)))


def stable_number(seed: str) -> int:
    """64 bits, the same on every machine and in every process."""
    return int.from_bytes(hashlib.blake2b(seed.encode(), digest_size=8).digest(), "big")
