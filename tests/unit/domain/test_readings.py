from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from shared.domain.bank_data import BankBalance
from shared.domain.readings import PART_ROWS, Reading, from_parts, to_parts
from tests.fakes.bank import bank_transaction

DAY = date(2026, 11, 24)


@pytest.mark.parametrize("pages", [[0], [3], [5, 7], [PART_ROWS + 1, 2 * PART_ROWS]])
def test_what_was_kept_page_by_page_is_the_reading(pages: list[int]) -> None:
    reading = Reading(
        since=DAY,
        read_at=datetime(2026, 11, 24, 9, 0, tzinfo=UTC),
        balances=(
            BankBalance(type="closingBooked", amount=Decimal("1.10"), currency="EUR", as_of=DAY),
            BankBalance(
                type="interimBooked",
                amount=Decimal(2),
                currency="EUR",
                as_of=datetime(2026, 11, 24, 8, 0, tzinfo=UTC),
                credit_limit_included=True,
            ),
            BankBalance(type="expected", amount=Decimal(-3), currency="EUR", as_of=None),
        ),
        pending=(bank_transaction(1, DAY, status="pending"),),
        booked=(),
    )
    kept: list[bytes] = []
    for page in pages:
        before = len(reading.booked)
        reading = reading.with_page(tuple(bank_transaction(before + number, DAY) for number in range(page)))
        kept += to_parts(reading, booked_from=before, is_first=not kept)
    assert from_parts(kept) == reading
    assert all(len(part) < 1_000_000 for part in kept)


def test_nothing_kept_is_no_reading() -> None:
    assert from_parts([]) is None
