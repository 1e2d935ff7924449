"""A bank may list rows of days before the one that it was asked from: all, or the few it knows by value date."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from shared.use_cases.read_account import OVERLAP_DAYS
from tests.fakes.bank import bank_transaction
from tests.unit.use_cases.conftest import World

TODAY = date(2026, 11, 24)
RESOURCE = "resource-1"


@pytest.mark.parametrize("unasked", [range(300, 301), range(450)], ids=["one", "all"])
def test_what_is_listed_again_unasked_is_there_once(
    world: World, monkeypatch: pytest.MonkeyPatch, unasked: range
) -> None:
    world.bank.token_expires_at = world.clock.now() + timedelta(days=90)
    world.bank.booked[RESOURCE] = [
        bank_transaction(number, TODAY - timedelta(days=number // 15)) for number in range(450)
    ]
    consent = world.active_consent()
    world.sync(consent, task="first")
    before = world.rows(world.account_id())
    since = TODAY - timedelta(days=OVERLAP_DAYS)
    world.bank.booked[RESOURCE] = [
        entry
        for number, entry in enumerate(world.bank.booked[RESOURCE])
        if entry.booking_date is not None and (entry.booking_date >= since or number in unasked)
    ]
    real = world.bank.transactions_page

    def listing(*args: Any, **options: Any) -> Any:
        return real(*args, **options | {"date_from": date.min})

    monkeypatch.setattr(world.bank, "transactions_page", listing)
    world.due_again(consent)
    assert world.sync(consent, task="second") == "synced"
    assert world.rows(world.account_id()) == before
