"""Ticks and tasks are delivered at least once, late, twice and side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from shared.gcp import paths
from tests.contract.openapi import ContractClient
from tests.e2e import reading
from tests.e2e.operations import Operations
from tests.stack import Stack, wait_for

pytestmark = pytest.mark.stack


def test_a_tick_reaches_the_consent_that_is_due_and_no_other(
    stack: Stack, operations: Operations, api_key: str
) -> None:
    due, other = (
        stack.connect(api_key, bank_id=bank_id, username="empty").consent_id
        for bank_id in ("nlb-si", "erste-hr")
    )
    before = {consent_id: stack.wait_synced(api_key, consent_id) for consent_id in (due, other)}

    operations.wait_synced_anew(api_key, due, since=datetime.now(UTC))

    after = {consent_id: stack.wait_synced(api_key, consent_id) for consent_id in (due, other)}
    assert after[due]["lastSyncedAt"] > before[due]["lastSyncedAt"]
    assert after[other] == before[other]


def test_the_same_task_delivered_again_changes_nothing(
    stack: Stack, operations: Operations, api_key: str
) -> None:
    consent_id = stack.connect(api_key, bank_id="intesa-rs").consent_id
    stack.wait_synced(api_key, consent_id)
    organisation_id = operations.organisation_id(api_key)
    health = operations.data.document(paths.sandbox_bank_health(organisation_id, "intesa-rs"))
    wait_for(lambda: health.get().exists, what="the note of the bank's health, a worker's last word")
    before = operations.documents(organisation_id)
    assert len(before) > 10

    for task in (f"{consent_id}-first", f"{consent_id}-first", f"{consent_id}-20261124T000000Z"):
        assert operations.deliver_sync(organisation_id, consent_id, task=task) == "not_due"

    assert operations.documents(organisation_id) == before


@pytest.mark.parametrize("tasks", [("one", "one"), ("one", "other")], ids=["one task twice", "two tasks"])
def test_two_workers_at_once_write_every_row_once(
    stack: Stack, operations: Operations, api_key: str, client: ContractClient, tasks: tuple[str, str]
) -> None:
    """Of a consent whose pages are gone: both have everything to write."""
    consent_id = stack.connect(api_key, bank_id="nlb-si").consent_id
    stack.wait_synced(api_key, consent_id)
    ids = reading.require_all_books(client, consent_id, bank_id="nlb-si", username="ana", limit=500)
    organisation_id = operations.organisation_id(api_key)
    for account_id in ids:
        operations.forget_pages(organisation_id, account_id)
    since = datetime.now(UTC)
    assert operations.make_due(organisation_id, consent_id, at=since, fullHistoryRead=False)

    with ThreadPoolExecutor(2) as pool:
        outcomes = set(
            pool.map(
                lambda task: operations.deliver_sync(
                    organisation_id, consent_id, task=f"{consent_id}-{task}"
                ),
                tasks,
            )
        )

    operations.wait_synced_since(organisation_id, consent_id, since=since)
    assert outcomes <= {"synced", "overtaken", "busy", "not_due"}
    again = reading.require_all_books(client, consent_id, bank_id="nlb-si", username="ana", limit=500)
    assert again == ids
