"""What a sync may cost, as counts: the same on every machine."""

from __future__ import annotations

import pytest

from benchmarks.sync_cost import GROWTH_GOAL, SMALL_BYTES, USUAL_TOKEN_LIFE, Costs, costs, health_notes
from shared.domain.consents import SHARDS


@pytest.fixture(scope="module")
def one() -> Costs:
    return costs(consents=1)


def test_the_first_sync_writes_the_pages(one: Costs) -> None:
    assert one.first.page_writes >= 2, "240 transactions fill two pages: the meter sees them"
    assert one.first.kms_calls == 1


def test_an_unchanged_resync_writes_no_page_and_at_most_two_small_documents(one: Costs) -> None:
    again = one.unchanged
    assert again.page_writes == again.bank_notes == 0
    assert again.documents_written <= 2, "all of them counted"
    assert again.largest_write_bytes < SMALL_BYTES
    assert again.kms_calls <= 1


def test_ten_times_the_consents_cost_ten_times_the_work() -> None:
    few, many = costs(consents=8), costs(consents=80)
    for grown in few.growth_to(many):
        assert 9.5 < grown <= GROWTH_GOAL
    assert few.first.bank_notes == many.first.bank_notes == 1, "one for all of them"
    assert many.unchanged.documents_written <= 2 * 80


def test_the_banks_health_is_written_once_in_five_minutes_with_news_and_once_a_day_without() -> None:
    """By one sync a minute for 30 minutes; what is told of a bank that fails is written at once."""
    notes = health_notes(syncs=30)
    assert (notes.with_news, notes.without) == (6, 0)


def test_a_token_that_must_be_refreshed_is_one_more_document_and_kms_call() -> None:
    refreshed = costs(consents=1, token_life=USUAL_TOKEN_LIFE).unchanged
    assert (refreshed.page_writes, refreshed.documents_written, refreshed.kms_calls) == (0, 3, 2)


def test_a_tick_that_finds_nothing_asks_each_shard_once(one: Costs) -> None:
    assert (one.idle.document_reads, one.idle.document_writes, one.idle.tasks) == (SHARDS, 0, SHARDS)
    assert one.idle.bank_calls == one.idle.kms_calls == 0
