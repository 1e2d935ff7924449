from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.accounts import head_of
from shared.domain.consent_changes import TELL_BANK_AGAIN
from shared.domain.consents import AUTHORISE_WITHIN, SHARDS, STATE_LIFETIME
from shared.domain.errors import BankUnavailable, Conflict, ConsentExpired, Invalid
from shared.use_cases.dispatch_shard import dispatch_shard
from shared.use_cases.list_transactions import require_readable
from tests.fakes.bank import BANK_ID
from tests.unit.use_cases.conftest import World
from tests.unit.use_cases.test_consents import complete, start
from tests.unit.use_cases.test_renew_consent import connected, events


def run_due_tasks(world: World) -> list[str]:
    """What the dispatcher finds, delivered."""
    world.tasks.enqueued.clear()
    for shard in range(SHARDS):
        dispatch_shard(shard, consents=world.consents, tasks=world.tasks, clock=world.clock)
    return [
        world.sync(stored.consent, task=window)
        for consent_id, window in list(world.tasks.enqueued)
        if (stored := world.consents.find(world.organisation_id, consent_id))
    ]


@pytest.mark.parametrize("bank_listens", [True, False])
def test_a_psu_who_stays_away_ends_the_consent_and_the_bank_is_told(world: World, bank_listens: bool) -> None:
    started = start(world)
    world.clock.move(AUTHORISE_WITHIN - timedelta(milliseconds=1))
    assert run_due_tasks(world) == []
    world.clock.move(timedelta(milliseconds=1))
    world.bank.failures = [] if bank_listens else [BankUnavailable(BANK_ID, "down")]
    assert run_due_tasks(world) == ["ended"]
    consent = world.consent(started.consent)
    assert (consent.status, consent.fault and consent.fault.code) == ("error", "ABANDONED")
    assert world.bank.calls.count("revoke") == 1
    assert events(world, consent) == ["created", "failed"]
    assert run_due_tasks(world) == []
    if not bank_listens:
        assert consent.due_at == world.clock.now() + TELL_BANK_AGAIN
        world.clock.move(TELL_BANK_AGAIN)
        assert run_due_tasks(world) == ["ended"]
    assert world.bank.revoked == [started.consent.bank_consent_id]
    assert world.consent(started.consent).due_at is None


def test_a_callback_that_died_after_the_state_was_used_is_healed_by_the_clock(world: World) -> None:
    class ProcessDied(BaseException):
        pass

    started = start(world)
    world.bank.failures = [ProcessDied()]  # type: ignore[list-item]
    with pytest.raises(ProcessDied):
        complete(world, started.state)
    with pytest.raises(Conflict):
        complete(world, started.state)
    assert world.consent(started.consent).status == "pending"
    world.clock.move(AUTHORISE_WITHIN)
    assert run_due_tasks(world) == ["ended"]
    assert world.consent(started.consent).status == "error"


def test_no_state_outlives_its_consents_deadline(world: World) -> None:
    assert STATE_LIFETIME < AUTHORISE_WITHIN
    started = start(world)
    world.clock.move(AUTHORISE_WITHIN)
    run_due_tasks(world)
    with pytest.raises(Invalid):
        complete(world, started.state)


def test_expiry_is_noticed_when_no_sync_is_due(world: World) -> None:
    consent = connected(world)
    while (
        after := world.consent(consent)
    ).next_sync_at is not None and after.next_sync_at < consent.expires_at:
        world.clock.move(after.expires_at - timedelta(hours=1) - world.clock.now())
        assert world.sync(consent, task=f"at-{world.clock.now()}") == "synced"
    assert after.due_at == after.expires_at
    calls = len(world.bank.calls)
    world.clock.move(after.expires_at - world.clock.now())
    assert run_due_tasks(world) == ["ended"]
    ended = world.consent(consent)
    assert (ended.status, ended.next_sync_at, ended.due_at) == ("expired", None, None)
    assert len(world.bank.calls) == calls
    assert world.consents.sealed_tokens(world.organisation_id, consent.id) is None
    account = world.accounts.find(world.organisation_id, world.account_id())
    assert account is not None
    assert (account.status, account.next_refresh_at) == ("expired", None)


def test_data_is_closed_at_the_very_moment_of_expiry(world: World) -> None:
    consent = connected(world)
    head = head_of(consent)
    require_readable(head, clock=world.clock)
    world.clock.move(consent.expires_at - world.clock.now())
    with pytest.raises(ConsentExpired):
        require_readable(head, clock=world.clock)
