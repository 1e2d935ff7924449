"""A foreign-currency account: fees for work abroad come in, purchases and currency sales go out."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from xs2a_bank.banks import BANKS

from .accounts import make_iban, stable_number
from .ledger import Ledger, banking_day_of
from .locales import LOCALES
from .model import Account, Counterparty

SHOPS = (
    ("Amazon EU S.a r.l.", 800, 9_000),
    ("Booking.com B.V.", 3_500, 18_000),
    ("Spotify AB", 599, 599),
    ("Ryanair DAC", 1_900, 14_000),
    ("IKEA Wien", 1_200, 16_000),
    ("FlixBus", 900, 4_900),
)
CLIENTS = (
    ("Müller & Söhne GmbH", "DE", "10010010", "Rechnung {number}"),
    ("Donau Software GmbH", "AT", "12000", "Honorarnote {number}"),
)
COMFORT_MINOR = 150_000


def trade_through(account: Account, day: date) -> Ledger:
    seed = f"{account.bank}/{account.person}/{account.slug}"
    texts = LOCALES[BANKS[account.bank].country].texts
    clients = [
        (Counterparty(name, make_iban(country, code, f"counterparty/{name}")), text)
        for name, country, code, text in CLIENTS
    ]
    ledger = Ledger(account=account, opening_minor=84_000 + stable_number(seed) % 400 * 100)
    today = account.opened_on
    while today <= day:
        random = Random(f"{seed}/{today.toordinal()}")  # noqa: S311 - lifelike data, not secrets
        ledger.start_day(today)
        for invoice_day in (5, 19):
            if today == banking_day_of(today.year, today.month, invoice_day):
                client, text = clients[today.month % 2]
                remittance = text.format(number=f"{today:%Y-%m}-{invoice_day:02d}")
                ledger.write(random.randrange(28_000, 56_000, 500), "transfer", client, remittance)
        if random.random() < 0.36:
            name, low, high = random.choice(SHOPS)
            amount = low + round((high - low) * random.random() * random.random())
            if ledger.balance_minor > amount + 5_000:
                ledger.write(-amount, "card", Counterparty(name, None), f"{name} {today:%d.%m.%Y}")
        if today.weekday() == 2 and ledger.balance_minor > COMFORT_MINOR:
            surplus = (ledger.balance_minor - COMFORT_MINOR // 2) // 10_000 * 10_000
            ledger.write(-surplus, "transfer", None, texts.currency_sale)
        today += timedelta(days=1)
    return ledger
