from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from shared.use_cases.dispatch_sync import dispatch_sync
from tests.unit.use_cases.conftest import World

TICK = datetime(2026, 11, 24, 9, 5, tzinfo=UTC)


def test_a_tick_hands_out_what_is_due_of_every_organisation_and_nothing_else(
    new_world: Callable[[], World],
) -> None:
    first, second = new_world(), new_world()
    due = [first.active_consent(), second.active_consent()]
    synced = first.active_consent()
    first.sync(synced)
    first.pending_consent()

    enqueued = dispatch_sync(TICK, consents=first.consents, tasks=first.tasks, clock=first.clock)
    assert enqueued == 2
    assert {consent_id for consent_id, _ in first.tasks.enqueued} == {consent.id for consent in due}


def test_the_same_tick_twice_enqueues_once_and_the_next_tick_again(world: World) -> None:
    consent = world.active_consent()
    for tick in (TICK, TICK, TICK + timedelta(minutes=5)):
        dispatch_sync(tick, consents=world.consents, tasks=world.tasks, clock=world.clock)
    assert list(world.tasks.enqueued) == [(consent.id, "20261124T090500Z"), (consent.id, "20261124T091000Z")]


def test_due_consents_are_paged_through_to_the_last(world: World) -> None:
    due = {world.active_consent().id for _ in range(7)}
    found = [consent.consent_id for consent in world.consents.due(at=world.clock.now(), page_size=3)]
    assert sorted(found) == sorted(due)
