"""A bank's books that live: entries are announced, booked, corrected and taken back, under ids of a bank's own kind."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from shared.domain.bank_data import BankBalance, BankTransaction, BookingStatus

Ids = Literal["stable", "none", "places", "change when booked", "some reused"]
IDS: tuple[Ids, ...] = ("stable", "none", "places", "change when booked", "some reused")


@dataclass
class Movement:
    """`number` is also its amount, so that it can be known again whatever else changes."""

    number: int
    day: date
    text: str
    booked_on: date | None = None
    is_twin_of: int | None = None

    @property
    def amount(self) -> Decimal:
        return Decimal(self.is_twin_of or self.number)


@dataclass
class Books:
    ids: Ids
    chosen: random.Random
    today: date
    opening: Decimal = Decimal(1000)
    movements: list[Movement] = field(default_factory=list)
    taken_back: Decimal = Decimal(0)
    _number: int = 0

    def live(self, *, corrections: bool = True) -> None:
        """One day: what was announced yesterday is booked, something new happens, something changes."""
        self.today += timedelta(days=1)
        for movement in list(self.movements):
            if movement.booked_on is None and self.chosen.random() < 0.7:
                movement.booked_on = self.today
                movement.text = f"{movement.text} d.o.o."
        for _ in range(self.chosen.randrange(4)):
            movement = self._new()
            if self.chosen.random() < 0.4:
                movement.booked_on = self.today
            if self.chosen.random() < 0.15:
                twin = self._new(twin_of=movement)
                twin.booked_on = movement.booked_on
        booked = [item for item in self.movements if item.booked_on and item.is_twin_of is None]
        recent = [
            item
            for item in booked
            if item.booked_on is not None
            and self.today - item.booked_on < timedelta(days=5)
            and not any(other.is_twin_of == item.number for other in self.movements)
        ]
        if corrections and recent and self.chosen.random() < 0.3:
            self.chosen.choice(recent).text += " ispravak"
        if recent and self.chosen.random() < 0.2:
            self.movements.remove(self.chosen.choice(recent))

    def booked(self) -> list[BankTransaction]:
        rows = [item for item in self.movements if item.booked_on]
        rows.sort(key=lambda item: (item.booked_on or self.today, item.number), reverse=True)
        return [self._told(item, place, status="booked") for place, item in enumerate(rows, 1)]

    def pending(self) -> list[BankTransaction]:
        rows = [item for item in self.movements if not item.booked_on]
        return [self._told(item, place, status="pending") for place, item in enumerate(rows, 1)]

    def closing(self) -> tuple[BankBalance, ...]:
        total = sum((item.amount for item in self.movements if item.booked_on), self.opening)
        return (BankBalance(type="interimBooked", amount=total, currency="EUR", as_of=self.today),)

    def _new(self, *, twin_of: Movement | None = None) -> Movement:
        self._number += 1
        movement = Movement(
            number=self._number,
            day=self.today,
            text=twin_of.text if twin_of else f"Račun {self._number}",
            is_twin_of=twin_of.number if twin_of else None,
        )
        self.movements.append(movement)
        return movement

    def _told(self, item: Movement, place: int, *, status: BookingStatus) -> BankTransaction:
        text = item.text
        external_id = self._id(item, place, status=status)
        return BankTransaction(
            status=status,
            external_id=external_id,
            entry_reference=None,
            end_to_end_id=None,
            booking_date=item.booked_on,
            value_date=None if status == "pending" else item.booked_on,
            amount=item.amount,
            currency="EUR",
            direction="inbound",
            creditor_name=None,
            creditor_iban=None,
            debtor_name="Ana Anić",
            debtor_iban=None,
            remittance_info=text,
            raw_hash=f"{external_id}|{status}|{item.number}|{text}",
        )

    def _id(self, item: Movement, place: int, *, status: BookingStatus) -> str | None:
        if self.ids == "none":
            return None
        if self.ids == "places":
            return str(place)
        if self.ids == "change when booked":
            return f"{status}-{item.number}"
        if self.ids == "some reused" and item.number % 5 == 0 and item.is_twin_of is None:
            return f"id-{item.number - 1}"
        return f"id-{item.number}"
