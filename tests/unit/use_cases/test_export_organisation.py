"""An export holds everything that an organisation's clients can read, nothing secret and nothing of others."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from shared.domain.errors import InvalidCursor
from shared.gcp.export_sections import data_sections
from shared.use_cases.export_organisation import Line, export_organisation
from tests.everything import everything
from tests.fakes.bank import bank_account, bank_transaction
from tests.unit.use_cases.conftest import World


def fill(world: World) -> None:
    world.bank.accounts_held = [bank_account(1), bank_account(2)]
    today = world.clock.now().date()
    for number, account in enumerate(world.bank.accounts_held):
        world.bank.booked[account.resource_id] = [
            bank_transaction(number * 1000 + day, today - timedelta(days=day)) for day in range(700)
        ]
        world.bank.pending[account.resource_id] = [
            bank_transaction(number * 1000 + 900, today, status="pending")
        ]
    assert world.sync(world.active_consent()) == "synced"
    world.pending_consent()


def export(world: World, *, after: str | None = None) -> list[Line]:
    return list(
        export_organisation(
            world.organisation_id, sections=data_sections(world.data, at=world.clock.now()), after=after
        )
    )


def by_file(lines: list[Line]) -> dict[str, list[dict[str, Any]]]:
    files: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        files[line.file] += [json.loads(text) for text in line.json.split(b"\n")]
    return files


def test_everything_is_in(world: World) -> None:
    fill(world)
    files = by_file(export(world))
    accounts = world.accounts.list(world.organisation_id, limit=9, after=None)
    assert [account["id"] for account in files["accounts.jsonl"]] == [account.id for account in accounts]
    assert {account["iban"] for account in files["accounts.jsonl"]} == {
        bank_account(1).iban,
        bank_account(2).iban,
    }
    assert {(entry["status"], entry["revision"]) for entry in files["consentHistory.jsonl"]} == {
        ("pending", 1),
        ("active", 2),
    }
    assert {consent["id"] for consent in files["consents.jsonl"]} == {
        entry["consentId"] for entry in files["consentHistory.jsonl"]
    }
    listed = [row for account in accounts for row in world.rows(account.id)]
    exported = files["transactions.jsonl"]
    assert len(exported) == 1400
    assert sorted(exported, key=lambda row: row["id"]) == sorted(listed, key=lambda row: row["id"])
    assert files["pendingTransactions.jsonl"] == [
        row for account in accounts for row in world.pending_rows(account.id)
    ]
    assert (
        min(row["bookingDate"] for row in exported) < (date(2026, 11, 24) - timedelta(days=690)).isoformat()
    )


def test_wherever_it_is_cut_it_goes_on_without_a_gap_or_a_repetition(world: World) -> None:
    fill(world)
    whole = export(world)
    assert len(whole) > 12
    for cut, line in enumerate(whole, 1):
        assert export(world, after=line.position) == whole[cut:]


def test_a_row_that_is_booked_meanwhile_is_not_missing(world: World) -> None:
    today = world.clock.now().date()
    announced = bank_transaction(1, today, status="pending")
    world.bank.pending["resource-1"] = [announced]
    consent = world.active_consent()
    assert world.sync(consent) == "synced"
    (pending,) = world.pending_rows(world.account_id())
    lines = export_organisation(
        world.organisation_id, sections=data_sections(world.data, at=world.clock.now())
    )
    seen: list[Line] = []
    for line in lines:
        seen.append(line)
        if line.file == "pendingTransactions.jsonl":
            world.bank.pending["resource-1"] = []
            world.bank.booked["resource-1"] = [bank_transaction(1, today)]
            world.due_again(consent)
            assert world.sync(consent, task="task-2") == "synced"
    files = by_file(seen)
    assert [row["id"] for row in files["pendingTransactions.jsonl"]] == [pending["id"]]
    assert [row["id"] for row in files["transactions.jsonl"]] == [pending["id"]]


def test_nothing_of_others(world: World, new_world: Callable[[], World]) -> None:
    other = new_world()
    fill(other)
    assert export(world) == []


def test_no_secret_and_nothing_internal(world: World) -> None:
    fill(world)
    text = b"\n".join(line.json for line in export(world)).decode()
    secrets = [fields for path, fields in everything(world.data).items() if "/secrets/" in path]
    assert secrets
    for token in ("access-", "refresh-", "wrappedKey", "ciphertext", "lease", "bank-consent-1", "holder"):
        assert token not in text


def test_a_position_that_no_export_gave_is_refused(world: World) -> None:
    with pytest.raises(InvalidCursor):
        export(world, after="secrets:tokens")
