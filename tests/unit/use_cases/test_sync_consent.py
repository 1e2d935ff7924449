"""A sync ends with exactly the bank's transactions, whatever happens in its middle."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from shared.domain.errors import (
    BankAccessLost,
    BankRateLimited,
    BankRefused,
    BankTimeout,
    BankUnavailable,
    StaleWrite,
)
from shared.use_cases.read_account import OVERLAP_DAYS, RECENT_DAYS
from tests.fakes.bank import BANK_ID, bank_account, bank_transaction, booked_of
from tests.unit.use_cases.conftest import World

TODAY = date(2026, 11, 24)


def history(count: int, *, per_day: int = 3) -> list[Any]:
    return [
        bank_transaction(number, TODAY - timedelta(days=1 + number // per_day)) for number in range(count)
    ]


def external_ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["externalId"] for row in rows]


def test_the_first_sync_reads_the_full_history(world: World) -> None:
    world.bank.booked["resource-1"] = history(450)
    consent = world.active_consent()
    assert world.sync(consent) == "synced"

    account = world.accounts.find(world.organisation_id, world.account_id())
    assert account is not None
    rows = world.rows(account.id)
    assert sorted(external_ids(rows)) == sorted(f"FAKE-{number}" for number in range(450))
    assert [row["bookingDate"] for row in rows] == sorted((row["bookingDate"] for row in rows), reverse=True)
    assert world.bank.asked_since == [TODAY - timedelta(days=730)]
    assert account.history_from == TODAY - timedelta(days=730)
    assert account.balance is not None
    assert account.balance.amount == "100.0000"
    assert account.data_as_of == world.clock.now()
    after = world.consent(consent)
    assert after.next_sync_at == world.clock.now() + timedelta(hours=8)
    assert after.account_ids == (account.id,)
    assert after.lease.until is None


def test_a_later_sync_reads_since_the_last_less_an_overlap_and_keeps_ids(world: World) -> None:
    world.bank.booked["resource-1"] = history(90)
    consent = world.active_consent()
    world.sync(consent)
    before = {row["externalId"]: row["id"] for row in world.rows(world.account_id())}

    world.due_again(consent)
    world.bank.booked["resource-1"].append(bank_transaction(1000, TODAY))
    assert world.sync(consent, task="task-2") == "synced"
    after = {row["externalId"]: row["id"] for row in world.rows(world.account_id())}
    assert after.keys() - before.keys() == {"FAKE-1000"}
    assert {key: after[key] for key in before} == before
    assert world.bank.asked_since[1] == TODAY - timedelta(days=OVERLAP_DAYS)


def test_the_same_task_twice_changes_nothing(world: World) -> None:
    world.bank.booked["resource-1"] = history(10)
    consent = world.active_consent()
    world.sync(consent)
    calls, rows = len(world.bank.calls), world.rows(world.account_id())
    assert world.sync(consent) == "not_due"
    assert len(world.bank.calls) == calls
    assert world.rows(world.account_id()) == rows


def test_a_task_that_comes_early_by_the_workers_clock_is_followed_by_another(world: World) -> None:
    """The dispatcher's clock is ahead: it will not make another one for half an hour."""
    consent = world.active_consent()
    world.sync(consent)
    world.due_again(consent)
    world.clock.move(timedelta(seconds=-5))
    assert world.sync(consent, task="task-2") == "not_due"
    assert world.sync(consent, task="task-2") == "not_due"
    (at,) = world.tasks.enqueued.values()
    world.clock.move(at - world.clock.now())
    assert world.sync(consent, task="task-3") == "synced"


def test_one_id_from_pending_to_booked(world: World) -> None:
    waiting = bank_transaction(1, TODAY, status="pending")
    world.bank.pending["resource-1"] = [waiting]
    consent = world.active_consent()
    world.sync(consent)
    (pending,) = world.pending_rows(world.account_id())
    assert (pending["status"], world.rows(world.account_id())) == ("pending", [])

    world.due_again(consent)
    world.bank.pending["resource-1"] = []
    world.bank.booked["resource-1"] = [booked_of(waiting, external_id="OTHER-9", raw_hash="other")]
    world.sync(consent, task="task-2")
    (booked,) = world.rows(world.account_id())
    assert booked["id"] == pending["id"]
    assert booked["status"] == "booked"
    assert world.pending_rows(world.account_id()) == []


@pytest.mark.parametrize(
    "failure",
    [
        BankUnavailable(BANK_ID, "503"),
        BankTimeout(BANK_ID, "slow"),
        BankRateLimited(BANK_ID, "429", retry_at=datetime(2026, 11, 24, 12, 0, tzinfo=UTC)),
    ],
    ids=lambda failure: type(failure).__name__,
)
@pytest.mark.parametrize("call", range(4))
def test_a_failing_bank_gets_a_later_task_and_ends_complete(
    world: World, failure: Exception, call: int
) -> None:
    world.bank.booked["resource-1"] = history(60)
    consent = world.active_consent()
    world.bank.failures = [*[None] * call, failure]
    assert world.sync(consent) == "postponed"
    postponed = world.consent(consent)
    assert postponed.status == "active"
    assert postponed.failed_syncs == 1
    assert postponed.next_sync_at is not None
    assert postponed.next_sync_at > world.clock.now()
    if isinstance(failure, BankRateLimited):
        assert postponed.next_sync_at == failure.retry_at
    assert list(world.tasks.enqueued.values()) == [postponed.next_sync_at]
    assert world.sync(consent) == "not_due"

    world.due_again(consent)
    assert world.sync(consent, task="task-2") == "synced"
    assert len(world.rows(world.account_id())) == 60
    assert world.consent(consent).failed_syncs == 0


@pytest.mark.parametrize(
    ("reason", "status"), [("expired", "expired"), ("revoked", "revoked"), ("refused", "error")]
)
def test_a_consent_that_the_bank_ended_is_ended_at_once(world: World, reason: str, status: str) -> None:
    world.bank.booked["resource-1"] = history(5)
    consent = world.active_consent()
    world.sync(consent)
    world.due_again(consent)
    world.bank.failures = [None, None, BankAccessLost(BANK_ID, "401", reason=reason)]
    assert world.sync(consent, task="task-2") == "ended"
    after = world.consent(consent)
    assert after.status == status
    assert after.next_sync_at is None
    assert world.consents.sealed_tokens(world.organisation_id, consent.id) is None
    account = world.accounts.find(world.organisation_id, world.account_id())
    assert account is not None
    assert account.status == status


def test_expiry_is_noticed_by_the_clock(world: World) -> None:
    consent = world.active_consent()
    world.clock.move(timedelta(days=91))
    assert world.sync(consent) == "ended"
    assert world.consent(consent).status == "expired"
    assert world.bank.calls == []


def test_an_expired_token_is_refreshed_and_the_new_one_is_stored(world: World) -> None:
    consent = world.active_consent()
    world.sync(consent)
    world.due_again(consent)
    assert world.sync(consent, task="task-2") == "synced"
    assert world.bank.calls.count("refresh") == 1
    sealed = world.consents.sealed_tokens(world.organisation_id, consent.id)
    assert sealed is not None
    stored = world.vault.open(sealed, organisation_id=world.organisation_id, consent_id=consent.id)
    assert (stored.access_token, stored.refresh_token) == ("access-1", "refresh-1")


def test_the_new_refresh_token_is_stored_before_it_is_used(world: World) -> None:
    consent = world.active_consent()
    world.sync(consent)
    world.due_again(consent)

    class Crash(BaseException):
        pass

    world.bank.failures = [None, Crash()]  # type: ignore[list-item]
    with pytest.raises(Crash):
        world.sync(consent, task="task-2")
    assert world.sync(consent, task="task-2") == "synced"
    assert world.bank.calls.count("refresh") == 1


def test_another_task_waits_for_the_lease_and_the_same_task_goes_on(world: World) -> None:
    world.bank.booked["resource-1"] = history(5)
    consent = world.active_consent()

    class Crash(BaseException):
        pass

    world.bank.failures = [None, None, Crash()]  # type: ignore[list-item]
    with pytest.raises(Crash):
        world.sync(consent)
    assert world.sync(consent, task="task-2") == "busy"
    assert world.tasks.enqueued, "someone will look again when the lease has ended"
    assert world.sync(consent) == "synced"


def test_a_worker_that_was_overtaken_writes_nothing(world: World) -> None:
    world.bank.booked["resource-1"] = history(5)
    consent = world.active_consent()

    class Slow(type(world.store)):  # type: ignore[misc]
        def commit(self, *args: Any, **kwargs: Any) -> Any:
            if kwargs.get("books"):
                assert world.sync(consent) == "synced"
            return super().commit(*args, **kwargs)

    assert world.sync(consent, store=Slow(world.data)) == "overtaken"
    assert len(world.rows(world.account_id())) == 5


def test_revoked_in_the_middle_stays_revoked(world: World) -> None:
    from shared.use_cases.revoke_consent import revoke_consent

    consent = world.active_consent()

    class Slow(type(world.store)):  # type: ignore[misc]
        def commit(self, *args: Any, **kwargs: Any) -> Any:
            revoke_consent(
                world.organisation_id,
                consent.id,
                banks=world.bank,
                consents=world.consents,
                healths=world.healths,
                clock=world.clock,
            )
            return super().commit(*args, **kwargs)

    assert world.sync(consent, store=Slow(world.data)) == "overtaken"
    assert world.consent(consent).status == "revoked"
    assert world.consents.sealed_tokens(world.organisation_id, consent.id) is None


def test_history_that_the_bank_no_longer_gives_falls_back_to_recent_days(world: World) -> None:
    world.bank.booked["resource-1"] = history(5)
    consent = world.active_consent()
    world.bank.failures = [None, None, None, BankRefused(BANK_ID, "PERIOD_INVALID")]
    assert world.sync(consent) == "synced"
    assert world.bank.asked_since == [TODAY - timedelta(days=RECENT_DAYS)]
    assert len(world.rows(world.account_id())) == 5


def test_after_a_crash_finished_accounts_are_not_read_again(world: World) -> None:
    world.bank.accounts_held = [bank_account(1), bank_account(2)]
    world.bank.booked = {"resource-1": history(5), "resource-2": history(7)}
    consent = world.active_consent()

    class Crash(BaseException):
        pass

    world.bank.failures = [*[None] * 5, Crash()]  # type: ignore[list-item]
    with pytest.raises(Crash):
        world.sync(consent)
    world.sync(consent)
    assert world.bank.calls.count("booked resource-1 0") == 1
    accounts = world.accounts.list(world.organisation_id, limit=10, after=None)
    assert sorted(len(world.rows(account.id)) for account in accounts) == [5, 7]


@pytest.mark.parametrize("point", range(20))
def test_a_crash_at_any_write_loses_and_doubles_nothing(world: World, point: int) -> None:
    """The write may have reached the store or not: both are tried."""
    world.bank.accounts_held = [bank_account(1), bank_account(2)]
    world.bank.booked = {"resource-1": history(230), "resource-2": history(7)}
    consent = world.active_consent()

    class Crash(BaseException):
        pass

    writes = 0
    after_the_write = point % 2 == 1

    class CrashingStore(type(world.store)):  # type: ignore[misc]
        def commit(self, *args: Any, **kwargs: Any) -> Any:
            nonlocal writes
            writes += 1
            if writes == 1 + point // 2 and not after_the_write:
                raise Crash
            result = super().commit(*args, **kwargs)
            if writes == 1 + point // 2:
                raise Crash
            return result

    crashing = CrashingStore(world.data)
    crashed = False
    try:
        world.sync(consent, store=crashing)
    except Crash:
        crashed = True
    assert crashed == (point // 2 < 9)
    if crashed:
        assert world.sync(consent) in ("synced", "not_due")
    accounts = world.accounts.list(world.organisation_id, limit=10, after=None)
    found = {account.iban: external_ids(world.rows(account.id)) for account in accounts}
    assert sorted(found[bank_account(1).iban]) == sorted(f"FAKE-{number}" for number in range(230))
    assert sorted(found[bank_account(2).iban]) == sorted(f"FAKE-{number}" for number in range(7))


def test_another_consent_to_the_same_account_finds_it(world: World) -> None:
    world.bank.booked["resource-1"] = history(5)
    first = world.active_consent()
    world.sync(first)
    before = world.rows(world.account_id())
    world.clock.move(timedelta(minutes=1))
    second = world.active_consent()
    assert world.sync(second, task="task-2") == "synced"
    assert world.rows(world.account_id()) == before
    account = world.accounts.find(world.organisation_id, world.account_id())
    assert account is not None
    assert account.consent_id == second.id

    world.due_again(first)
    assert world.sync(first, task="task-3") == "synced"
    account = world.accounts.find(world.organisation_id, world.account_id())
    assert account is not None
    assert account.consent_id == second.id, "the newer consent answers for the account"


def test_a_stale_write_is_the_domains_word_for_a_lost_race(world: World) -> None:
    consent = world.active_consent()
    stored = world.consents.find(world.organisation_id, consent.id)
    assert stored is not None
    world.sync(consent)
    with pytest.raises(StaleWrite):
        world.store.commit(consent, replacing=stored)
