"""An id that a pending row gave to a booked one is never given again, wherever the worker died."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.fakes.bank import bank_transaction, booked_of
from tests.unit.use_cases.conftest import World

TODAY = date(2026, 11, 24)


class Crash(BaseException):
    pass


def test_a_pending_row_that_was_booked_before_a_crash_is_not_booked_again(world: World) -> None:
    waiting = msgspec.structs.replace(bank_transaction(1, TODAY, status="pending"), amount=Decimal(42))
    world.bank.pending["resource-1"] = [waiting]
    consent = world.active_consent()
    world.sync(consent)
    (pending,) = world.pending_rows(world.account_id())

    world.due_again(consent)
    first = booked_of(waiting, external_id="FIRST", raw_hash="first")
    world.bank.pending["resource-1"] = []
    world.bank.booked["resource-1"] = [first]

    class DiesBeforePendingIsReplaced(type(world.store)):  # type: ignore[misc]
        def commit(self, *args: Any, **kwargs: Any) -> Any:
            if kwargs.get("accounts"):
                raise Crash
            return super().commit(*args, **kwargs)

    with pytest.raises(Crash):
        world.sync(consent, task="task-2", store=DiesBeforePendingIsReplaced(world.data))
    another = booked_of(waiting, external_id="SECOND", remittance_info="Račun 2", raw_hash="second")
    world.bank.booked["resource-1"].append(another)
    assert world.sync(consent, task="task-2") == "synced"

    rows = {row["externalId"]: row["id"] for row in world.rows(world.account_id())}
    assert rows.keys() == {"FIRST", "SECOND"}, "neither replaced the other"
    assert rows["FIRST"] == pending["id"]
    assert rows["SECOND"] != rows["FIRST"]


def test_a_booked_row_does_not_take_the_id_of_one_that_still_waits(world: World) -> None:
    """Two payments of one amount: one waits, the other is booked at once, and the first is booked later."""
    waiting = msgspec.structs.replace(bank_transaction(1, TODAY, status="pending"), amount=Decimal(42))
    world.bank.pending["resource-1"] = [waiting]
    consent = world.active_consent()
    world.sync(consent)
    (pending,) = world.pending_rows(world.account_id())

    world.due_again(consent)
    other = booked_of(waiting, external_id="OTHER", remittance_info="Račun 2", raw_hash="other")
    world.bank.booked["resource-1"] = [other]
    assert world.sync(consent, task="task-2") == "synced"
    (still,) = world.pending_rows(world.account_id())
    (booked,) = world.rows(world.account_id())
    assert still["id"] == pending["id"]
    assert booked["id"] != pending["id"]

    world.due_again(consent)
    world.bank.pending["resource-1"] = []
    world.bank.booked["resource-1"].append(booked_of(waiting, raw_hash="booked"))
    assert world.sync(consent, task="task-3") == "synced"
    rows = {row["externalId"]: row["id"] for row in world.rows(world.account_id())}
    assert rows == {"OTHER": booked["id"], waiting.external_id: pending["id"]}


def test_what_the_bank_lists_as_both_keeps_its_id(world: World) -> None:
    waiting = bank_transaction(1, TODAY, status="pending")
    world.bank.pending["resource-1"] = [waiting]
    consent = world.active_consent()
    world.sync(consent)
    (pending,) = world.pending_rows(world.account_id())
    world.due_again(consent)
    world.bank.booked["resource-1"] = [booked_of(waiting, raw_hash="booked")]
    assert world.sync(consent, task="task-2") == "synced"
    (booked,) = world.rows(world.account_id())
    assert booked["id"] == pending["id"]
    assert world.pending_rows(world.account_id()) == []
