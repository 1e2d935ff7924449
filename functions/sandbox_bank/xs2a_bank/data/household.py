"""A household's account: salary, rent, bills, cards, cash, friends, and what is left goes to savings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from random import Random

from xs2a_bank.banks import BANKS
from xs2a_bank.people import PEOPLE

from .accounts import make_iban, stable_number
from .counterparties import circle_of
from .ledger import Ledger, banking_day_of, last_banking_day_of
from .locale import Locale
from .locales import LOCALES
from .model import Account, Counterparty

SALARY_UNITS = (1_620, 1_900)
RENT_UNITS = (430, 560)
COMFORT_UNITS = 2_600
"""Above this the surplus is saved at the month's end."""
CAREFUL_UNITS = 260
"""Below this one buys only small things."""
CASH_UNITS = (20, 40, 50, 60, 100)


class Household:
    def __init__(self, account: Account, savings: Sequence[Account]) -> None:
        bank = BANKS[account.bank]
        self.locale: Locale = LOCALES[bank.country]
        self.unit = self.locale.unit_minor
        seed = f"{account.bank}/{account.person}/{account.slug}"
        self.seed = seed
        self.circle = circle_of(bank.country, seed)
        self.savings = [Counterparty(saving.holder, saving.iban) for saving in savings]
        # A household without savings here keeps them at another bank.
        elsewhere = make_iban(bank.country, self.locale.bank_codes[1], f"elsewhere/{seed}")
        self.surplus_to = self.savings[0] if savings else Counterparty(account.holder, elsewhere)
        traits = Random(stable_number(f"traits/{seed}"))  # noqa: S311 - lifelike data, not secrets
        self.salary_minor = self._whole(traits.uniform(*SALARY_UNITS))
        self.rent_minor = self._whole(traits.uniform(*RENT_UNITS))
        twins = PEOPLE[account.person].twins_every_days or bank.twins_every_days
        self.twin_chance = 1 / twins if twins else 0.0
        self.ledger = Ledger(account=account, opening_minor=self._whole(traits.uniform(700, 1_400)))

    def live_through(self, day: date) -> Ledger:
        today = self.ledger.account.opened_on
        one_day = timedelta(days=1)
        while today <= day:
            self._live(today)
            today += one_day
        return self.ledger

    def _live(self, day: date) -> None:
        # Each day has its own source, so that a day's rows depend on that day and on the balance before it.
        random = Random(f"{self.seed}/{day.toordinal()}")  # noqa: S311 - lifelike data, not secrets
        self.ledger.start_day(day)
        if day.weekday() < 5:
            self._monthly(day, random)
            self._friends(random)
        self._cash(random)
        self._cards(day, random)

    def _monthly(self, day: date, random: Random) -> None:
        locale, ledger = self.locale, self.ledger
        before = day.replace(day=1) - timedelta(days=1)
        month = {"month": locale.months[before.month - 1], "year": str(before.year)}
        if day == banking_day_of(day.year, day.month, 10):
            ledger.write(
                self.salary_minor, "salary", self.circle.employer, locale.texts.salary.format(**month)
            )
        if day == banking_day_of(day.year, day.month, 3):
            this = {"month": locale.months[day.month - 1], "year": str(day.year)}
            text = locale.texts.rent.format(**this)
            ledger.write(-self.rent_minor, "transfer", self.circle.landlord, text)
        for bill, biller in zip(locale.bills, self.circle.billers, strict=True):
            if day == banking_day_of(day.year, day.month, bill.day):
                amount = round(random.uniform(bill.low, bill.high) * self.unit)
                reference = locale.reference(stable_number(f"{self.seed}/{bill.name}/{day.isoformat()}"))
                ledger.write(-amount, "bill", biller, bill.text.format(**month), reference=reference)
        if day.weekday() in (1, 4):
            for pot in self.savings:
                amount = round(random.uniform(3.2, 9.8) * self.unit / len(self.savings))
                ledger.write(-amount, "transfer", pot, locale.texts.round_up)
        if day == last_banking_day_of(day.year, day.month):
            this = {"month": locale.months[day.month - 1], "year": str(day.year)}
            ledger.write(-self._whole(3), "fee", None, locale.texts.fee.format(**this))
            self._save_or_draw()

    def _save_or_draw(self) -> None:
        surplus = self.ledger.balance_minor - self._whole(COMFORT_UNITS)
        if surplus > self._whole(50):
            self.ledger.write(
                -(surplus // 1000 * 1000), "transfer", self.surplus_to, self.locale.texts.saving
            )

    def _friends(self, random: Random) -> None:
        chance = random.random()
        if chance > 0.075:
            return
        friend = random.choice(self.circle.friends)
        text = random.choice(self.locale.texts.gifts)
        amount = self._whole(random.choice((8, 10, 12, 15, 20, 25, 30, 40, 50)))
        if chance < 0.03:
            self.ledger.write(amount, "transfer", friend, text)
        elif self._can_spend(amount):
            self.ledger.write(-amount, "transfer", friend, text)

    def _cash(self, random: Random) -> None:
        if random.random() > 0.055:
            return
        amount = self._whole(random.choice(CASH_UNITS))
        if self._can_spend(amount):
            text = self.locale.texts.cash.format(name=random.choice(self.locale.cities))
            self.ledger.write(-amount, "cash", None, text)

    def _cards(self, day: date, random: Random) -> None:
        purchases = 1 + (random.random() < 0.3) + (random.random() < 0.08)
        careful = not self._can_spend(self._whole(60))
        for _ in range(purchases):
            small = careful or random.random() < 0.18
            shops, payees = (
                (self.locale.small_shops, self.circle.small_shops)
                if small
                else (self.locale.shops, self.circle.shops)
            )
            index = int(random.random() * len(shops))
            shop = shops[index]
            # Most baskets are small: a triangular pull towards the low end.
            price = shop.low + (shop.high - shop.low) * random.random() * random.random()
            amount = max(1, round(price * self.unit))
            text = f"{shop.name} {day:%d.%m.%Y}"
            self.ledger.write(-amount, "card", payees[index], text)
        if random.random() < self.twin_chance:
            index = int(random.random() * len(self.locale.small_shops))
            shop = self.locale.small_shops[index]
            amount = max(1, round(shop.low * self.unit))
            for _ in range(2):
                self.ledger.write(
                    -amount, "card", self.circle.small_shops[index], f"{shop.name} {day:%d.%m.%Y}"
                )

    def _can_spend(self, amount_minor: int) -> bool:
        return self.ledger.balance_minor - amount_minor > self._whole(CAREFUL_UNITS)

    def _whole(self, units: float) -> int:
        """In hundredths, without cents; rounded to tens where money is small."""
        step = 1_000 if self.unit > 1_000 else 100
        return round(units * self.unit / step) * step
