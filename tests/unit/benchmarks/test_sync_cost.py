"""What a sync may cost, as counts: the same on every machine."""

from __future__ import annotations

import pytest

from benchmarks.sync_cost import GROWTH_GOAL, SMALL_BYTES, Cost, Setting, first_and_unchanged
from shared.domain.consents import SHARDS


@pytest.fixture(scope="module")
def one() -> tuple[Cost, Cost]:
    return first_and_unchanged(consents=1)


def test_the_first_sync_writes_the_pages(one: tuple[Cost, Cost]) -> None:
    first, _ = one
    assert first.page_writes >= 2, "240 transactions fill two pages: the meter sees them"
    assert first.kms_calls == 1


def test_an_unchanged_resync_writes_no_page_and_at_most_two_small_documents(one: tuple[Cost, Cost]) -> None:
    _, again = one
    assert again.page_writes == 0
    assert again.documents_written <= 2 + 1, (
        "and once in five minutes the bank's health, for all its consents"
    )
    assert again.largest_write_bytes < SMALL_BYTES
    assert again.kms_calls <= 1


def test_ten_times_the_consents_cost_ten_times_the_work() -> None:
    for few, many in zip(first_and_unchanged(consents=8), first_and_unchanged(consents=80), strict=True):
        assert many.work / few.work <= GROWTH_GOAL


def test_a_consent_that_is_not_due_costs_nothing() -> None:
    setting = Setting(consents=3)
    setting.dispatch_and_sync()
    idle = setting.measure(setting.dispatch_and_sync)
    assert (idle.document_reads, idle.document_writes) == (SHARDS, 0), "each shard's query finds nothing"
    assert (idle.tasks, idle.bank_calls) == (0, 0)
