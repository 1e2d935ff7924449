"""The truth: what really moved on one bank account, and how it came about. The bank shows it in its own way."""

from __future__ import annotations

import random
from bisect import insort
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from localcloud.clock import from_us
from tests.simulation.kernel import DAY, HOUR, MINUTE

ZONE = ZoneInfo("Europe/Zagreb")

LATE_DAYS_MAX = 6
"""How far back a bank books, corrects or takes back: within what every read looks at again."""

_NEVER_US = 1 << 62
_PAYEES = ("Konzum", "INA", "HEP", "Bolt", "Tisak", "Pevex", "dm", "Spar", "Zagrebački holding", "Čistoća")


@dataclass(eq=False, slots=True)
class Movement:
    """One movement of money. Its amount is its own, but for twins, which share everything, and look-alikes, which
    share the amount with another payee."""

    serial: int
    amount: Decimal
    payee: str
    text: str
    booking_date: date
    pending_us: int
    """When it is first announced; `booked_us` where it never is."""
    booked_us: int
    corrected_us: int = _NEVER_US
    removed_us: int = _NEVER_US
    order: int = 0
    """Movements of one order (a transfer and its fee, say) share it."""

    @property
    def key(self) -> tuple[str, str]:
        """What never changes of it, as a client sees it: amount and payee. Twins share it."""
        return f"{self.amount:.4f}", self.payee

    def is_booked(self, at_us: int) -> bool:
        return self.booked_us <= at_us < self.removed_us

    def is_pending(self, at_us: int, *, lag_us: int = 0) -> bool:
        return self.pending_us <= at_us < self.booked_us + (lag_us if self.pending_us < self.booked_us else 0)

    def text_at(self, at_us: int) -> str:
        return f"{self.text} ispravak" if at_us >= self.corrected_us else self.text

    def story(self) -> str:
        moments = {
            "pending": self.pending_us,
            "booked": self.booked_us,
            "corrected": self.corrected_us,
            "removed": self.removed_us,
        }
        told = [
            f"{name} {from_us(at_us):%d %H:%M:%S}" for name, at_us in moments.items() if at_us < _NEVER_US
        ]
        return f"#{self.serial} of {self.booking_date} {', '.join(told)}"

    def changes_between(self, start_us: int, end_us: int) -> bool:
        moments = (self.pending_us, self.booked_us, self.corrected_us, self.removed_us)
        return any(start_us <= moment <= end_us for moment in moments)


@dataclass
class Habits:
    """How often movements are what; one seed's."""

    per_day: float
    pending: float
    late: float
    twins: float
    look_alikes: float
    corrections: float
    removals: float


def draw_habits(rng: random.Random) -> Habits:
    return Habits(
        per_day=rng.choice((1.0, 3.0, 6.0)),
        pending=rng.choice((0.0, 0.5, 0.9)),
        late=rng.choice((0.0, 0.2)),
        twins=rng.choice((0.0, 0.15)),
        look_alikes=rng.choice((0.0, 0.15)),
        corrections=rng.choice((0.0, 0.1)),
        removals=rng.choice((0.0, 0.1)),
    )


@dataclass
class Ledger:
    opening: Decimal
    movements: list[Movement] = field(default_factory=list)
    """By booking date, then serial: the order of a statement."""

    def balance(self, at_us: int, *, up_to: date = date.max) -> Decimal:
        return self.opening - sum(
            (
                movement.amount
                for movement in self.movements
                if movement.booking_date <= up_to and movement.is_booked(at_us)
            ),
            Decimal(0),
        )

    def add(self, movement: Movement) -> None:
        insort(self.movements, movement, key=lambda other: (other.booking_date, other.serial))


class LedgerWriter:
    """Makes a history and what follows it, all decided before the run begins."""

    def __init__(self, rng: random.Random, habits: Habits) -> None:
        self._rng = rng
        self._habits = habits
        self._serial = 0
        self._amounts: set[int] = set()

    def write(self, *, start_us: int, end_us: int, history_days: int) -> Ledger:
        """`start_us` is when the run begins, after `end_us` nothing changes any more."""
        ledger = Ledger(opening=Decimal(self._rng.randrange(1_000, 9_000)))
        at_us = start_us - history_days * DAY
        while True:
            at_us += int(self._rng.expovariate(self._habits.per_day) * DAY)
            if at_us >= end_us:
                return ledger
            self._add(ledger, at_us, start_us=start_us, end_us=end_us)

    def _add(self, ledger: Ledger, at_us: int, *, start_us: int, end_us: int) -> None:
        rng, habits = self._rng, self._habits
        pending_us = booked_us = at_us
        if rng.random() < habits.pending:
            booked_us = at_us + rng.randrange(2 * HOUR, 3 * DAY)
        booking_date = _day(booked_us)
        if rng.random() < habits.late:
            booking_date -= timedelta(days=rng.randrange(1, LATE_DAYS_MAX))
        if booked_us >= end_us:
            booked_us = _NEVER_US
        amount = self._amount()
        first = self._movement(amount, rng.choice(_PAYEES), booking_date, pending_us, booked_us)
        self._fate(first, start_us=start_us, end_us=end_us)
        ledger.add(first)
        if rng.random() < habits.twins:
            self._serial += 1
            twin = Movement(
                serial=self._serial,
                amount=first.amount,
                payee=first.payee,
                text=first.text,
                booking_date=first.booking_date,
                pending_us=first.pending_us,
                booked_us=first.booked_us,
                corrected_us=first.corrected_us,
                order=self._serial,
            )
            if rng.random() < 0.5 and first.booked_us != _NEVER_US:
                later_us = min(first.booked_us + rng.randrange(MINUTE, 8 * HOUR), end_us - 1)
                twin.pending_us = later_us if first.pending_us == first.booked_us else first.pending_us
                twin.booked_us = later_us
            ledger.add(twin)
        elif rng.random() < habits.look_alikes:
            other = rng.choice([payee for payee in _PAYEES if payee != first.payee])
            look_alike = self._movement(amount, other, booking_date, pending_us, booked_us)
            look_alike.order = first.order
            ledger.add(look_alike)

    def _movement(
        self, amount: Decimal, payee: str, booking_date: date, pending_us: int, booked_us: int
    ) -> Movement:
        self._serial += 1
        text = f"Račun {self._rng.randrange(1_000)}"
        return Movement(
            serial=self._serial,
            amount=amount,
            payee=payee,
            text=text,
            booking_date=booking_date,
            pending_us=pending_us,
            booked_us=booked_us,
            order=self._serial,
        )

    def _fate(self, movement: Movement, *, start_us: int, end_us: int) -> None:
        """Corrections and removals come while the booking date is near, and to one that is booked."""
        rng, habits = self._rng, self._habits
        latest_us = movement.booked_us + 2 * DAY
        if latest_us <= start_us or movement.booked_us >= end_us:
            return
        earliest_us = max(movement.booked_us, start_us)
        moment_us = earliest_us + int(rng.random() * (latest_us - earliest_us))
        if moment_us >= end_us:
            return
        if rng.random() < habits.corrections:
            movement.corrected_us = moment_us
        elif rng.random() < habits.removals:
            movement.removed_us = moment_us

    def _amount(self) -> Decimal:
        while True:
            cents = self._rng.randrange(100, 500_000)
            if cents not in self._amounts:
                self._amounts.add(cents)
                return Decimal(cents) / 100


def _day(at_us: int) -> date:
    return from_us(at_us).astimezone(ZONE).date()
