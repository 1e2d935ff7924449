"""Workers that die, are stopped, run twice, or never hear what the store answered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from google.api_core.exceptions import DeadlineExceeded
from google.cloud import firestore

from shared.domain import bank_health
from shared.domain.errors import BankTimeout, BankUnavailable
from shared.use_cases.bank_session import REFRESH_TIME
from shared.use_cases.sync_run import RUN_TIME
from tests.fakes.bank import BANK_ID, bank_account, bank_transaction
from tests.unit.use_cases.conftest import World


class Crash(BaseException):
    pass


def with_history(world: World, count: int) -> None:
    today = world.clock.now().date()
    world.bank.booked["resource-1"] = [
        bank_transaction(number, today - timedelta(days=number // 10)) for number in range(count)
    ]


def continued(world: World) -> str:
    """The name under which the newest task was enqueued, as the queue makes it."""
    consent_id, window = list(world.tasks.enqueued)[-1]
    return f"{consent_id}-{window}"


def kept_parts(world: World) -> int:
    return len(list(world.data.collection_group("reading").stream()))


@pytest.mark.parametrize("oldest_first", [False, True])
@pytest.mark.parametrize("page", range(3))
def test_a_crash_between_pages_goes_on_with_the_next(world: World, page: int, oldest_first: bool) -> None:
    world.bank.lists_oldest_first = oldest_first
    with_history(world, 130)
    consent = world.active_consent()
    world.bank.failures = [*[None] * (4 + page), Crash()]  # type: ignore[list-item]
    with pytest.raises(Crash):
        world.sync(consent)
    assert world.sync(consent) == "synced"
    booked = [call for call in world.bank.calls if call.startswith("booked")]
    assert booked == [
        *[f"booked resource-1 {40 * number}" for number in range(page + 2)],
        *[f"booked resource-1 {40 * number}" for number in range(page + 1, 4)],
    ]
    assert len(world.rows(world.account_id())) == 130
    assert kept_parts(world) == 0


def test_a_stopped_worker_leaves_the_rest_to_another_task(world: World) -> None:
    """SIGTERM: asked between two calls; what was read stays read."""
    with_history(world, 200)
    world.bank.accounts_held = [bank_account(1), bank_account(2)]
    consent = world.active_consent()
    task, outcomes = "task-1", []
    for _ in range(20):
        calls = len(world.bank.calls)

        def should_stop(calls: int = calls) -> bool:
            return len(world.bank.calls) >= calls + 4

        outcomes.append(world.sync(consent, task=task, should_stop=should_stop))
        if outcomes[-1] == "synced":
            break
        assert world.consent(consent).lease.until is None
        task = continued(world)
    assert outcomes[-1] == "synced"
    assert set(outcomes[:-1]) == {"continued"}
    assert [call for call in world.bank.calls if call.startswith("booked resource-1")] == [
        f"booked resource-1 {start}" for start in range(0, 200, 40)
    ], "no page is read twice"
    assert world.bank.calls.count("accounts") == 1
    accounts = world.accounts.list(world.organisation_id, limit=10, after=None)
    assert sorted(len(world.rows(account.id)) for account in accounts) == [0, 200]
    assert all(len(account.reads) == 1 for account in accounts)


def test_a_long_run_ends_before_the_tasks_deadline(world: World) -> None:
    with_history(world, 200)
    consent = world.active_consent()
    page_of = world.bank.transactions_page

    def slow(*args: Any, **kwargs: Any) -> Any:
        world.clock.move(RUN_TIME / 3)
        world.bank.token_expires_at = world.clock.now() + timedelta(hours=1)
        return page_of(*args, **kwargs)

    world.bank.transactions_page = slow  # type: ignore[method-assign]
    started = world.clock.now()
    assert world.sync(consent) == "continued"
    assert world.clock.now() - started <= timedelta(minutes=11)
    assert world.sync(consent, task=continued(world)) == "synced"
    assert len(world.rows(world.account_id())) == 200


def test_the_banks_links_are_not_followed_for_ever(world: World) -> None:
    with_history(world, 130)
    consent = world.active_consent()
    world.bank.failures = [*[None] * 4, Crash()]  # type: ignore[list-item]
    with pytest.raises(Crash):
        world.sync(consent)
    world.clock.move(timedelta(hours=2))
    assert world.sync(consent) == "synced"
    assert world.bank.calls.count("booked resource-1 0") == 2
    assert len(world.rows(world.account_id())) == 130
    assert kept_parts(world) == 0


class LostAnswers:
    """Every commit is applied; the answer of the chosen one is not heard."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, lost: int) -> None:
        self.commits = 0
        commit = firestore.WriteBatch.commit

        def commit_and_lose(batch: Any, *args: Any, **kwargs: Any) -> Any:
            self.commits += 1
            results = commit(batch, *args, **kwargs)
            if self.commits == lost:
                raise DeadlineExceeded("no answer")
            return results

        monkeypatch.setattr(firestore.WriteBatch, "commit", commit_and_lose)


@pytest.mark.parametrize("lost", range(1, 12))
def test_a_commit_whose_answer_is_lost_is_recognised_as_made(
    world: World, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    with_history(world, 130)
    consent = world.active_consent()
    with monkeypatch.context() as patched:
        answers = LostAnswers(patched, lost)
        assert world.sync(consent) == "synced"
        world.due_again(consent)
        world.bank.booked["resource-1"].append(bank_transaction(999, world.clock.now().date()))
        assert world.sync(consent, task="task-2") == "synced"
    assert answers.commits >= lost
    assert len(world.rows(world.account_id())) == 131


def test_a_retry_that_meets_its_own_commit_is_recognised(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client library sends a commit again whose answer it did not get, and is refused by what it wrote."""
    with_history(world, 5)
    consent = world.active_consent()
    commit = firestore.WriteBatch.commit

    def twice(batch: Any, *args: Any, **kwargs: Any) -> Any:
        writes = list(batch._write_pbs)
        commit(batch, *args, **kwargs)
        batch._write_pbs = writes
        return commit(batch, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(firestore.WriteBatch, "commit", twice)
        assert world.sync(consent) == "synced"
    assert len(world.rows(world.account_id())) == 5


def test_one_of_two_deliveries_of_one_task_at_one_moment_gives_way(world: World) -> None:
    with_history(world, 5)
    consent = world.active_consent()
    outcomes = []

    class BothClaim(type(world.store)):  # type: ignore[misc]
        """Before this one's claim is written, the other's is, and the other works on."""

        def commit(self, *args: Any, **kwargs: Any) -> Any:
            if not outcomes:
                outcomes.append("claiming")
                world.bank.failures = [None, Crash()]  # type: ignore[list-item]
                with pytest.raises(Crash):
                    world.sync(consent)
            return super().commit(*args, **kwargs)

    calls = len(world.bank.calls)
    assert world.sync(consent, store=BothClaim(world.data)) == "overtaken"
    assert len(world.bank.calls) == calls + 2, "the one that gave way called nobody"


def test_two_consents_that_write_one_account_at_once_lose_nothing(world: World) -> None:
    with_history(world, 30)
    world.bank.token_expires_at = world.clock.now() + timedelta(days=1)
    first, second = world.active_consent(), world.active_consent()
    world.sync(first)
    world.due_again(first)
    world.bank.booked["resource-1"].append(bank_transaction(500, world.clock.now().date()))
    done = []

    class OtherFirst(type(world.store)):  # type: ignore[misc]
        def commit(self, *args: Any, **kwargs: Any) -> Any:
            if kwargs.get("books") and not done:
                done.append(world.sync(second, task="other"))
            return super().commit(*args, **kwargs)

    assert world.sync(first, task="task-2", store=OtherFirst(world.data)) == "synced"
    assert done == ["synced"]
    assert len(world.rows(world.account_id())) == 31
    account = world.accounts.find(world.organisation_id, world.account_id())
    assert account is not None
    assert account.changes == 2, "one change is told once"
    assert len(account.reads) == 3


# Token refresh


def test_a_refresh_whose_answer_was_lost_is_tried_again_with_the_same_token(world: World) -> None:
    world.bank.tolerates_reuse = True
    consent = world.active_consent()
    world.sync(consent)
    world.due_again(consent)
    refresh, lost = world.bank.refresh, []

    def losing(*, refresh_token: str) -> Any:
        tokens = refresh(refresh_token=refresh_token)
        if not lost:
            lost.append(tokens)
            raise BankTimeout(BANK_ID, "no answer")
        return tokens

    world.bank.refresh = losing  # type: ignore[method-assign]
    assert world.sync(consent, task="task-2") == "synced"
    assert world.bank.calls.count("refresh") == 2


def test_while_one_refreshes_nobody_else_uses_the_token(world: World) -> None:
    """The same task delivered twice: the second waits, and its successor takes over when nothing came of the first."""
    world.bank.tolerates_reuse = True
    consent = world.active_consent()
    world.sync(consent)
    world.due_again(consent)
    refresh, inside = world.bank.refresh, []

    def dies_after(*, refresh_token: str) -> Any:
        refresh(refresh_token=refresh_token)
        inside.append(world.sync(consent, task="task-2"))
        raise Crash

    world.bank.refresh = dies_after  # type: ignore[method-assign]
    with pytest.raises(Crash):
        world.sync(consent, task="task-2")
    assert inside == ["busy"]
    world.bank.refresh = refresh  # type: ignore[method-assign]
    (_, not_before) = list(world.tasks.enqueued.items())[-1]
    assert not_before == world.clock.now() + REFRESH_TIME
    heir = continued(world)
    assert world.sync(consent, task=heir) == "busy"
    world.clock.move(REFRESH_TIME)
    assert world.sync(consent, task="a tick's") == "busy"
    assert world.sync(consent, task=heir) == "synced"
    assert world.bank.calls.count("refresh") == 2


def test_a_strict_bank_that_forgot_us_ends_the_consent_with_a_clear_fault(world: World) -> None:
    consent = world.active_consent()
    world.sync(consent)
    world.due_again(consent)
    refresh = world.bank.refresh

    def losing(*, refresh_token: str) -> Any:
        refresh(refresh_token=refresh_token)
        raise BankTimeout(BANK_ID, "no answer")

    world.bank.refresh = losing  # type: ignore[method-assign]
    assert world.sync(consent, task="task-2") == "ended"
    after = world.consent(consent)
    assert after.status == "error"
    assert after.fault is not None
    assert after.fault.code == "TOKEN_REFUSED"


def test_a_refresh_that_fails_is_tried_again_later(world: World) -> None:
    consent = world.active_consent()
    world.sync(consent)
    world.due_again(consent)
    world.bank.failures = [BankUnavailable(BANK_ID, ""), BankUnavailable(BANK_ID, "")]
    assert world.sync(consent, task="task-2") == "postponed"
    assert world.consent(consent).lease.refreshing_until is None
    world.due_again(consent)
    assert world.sync(consent, task="task-3") == "synced"


def test_an_unchanged_sync_writes_two_small_documents(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with_history(world, 35)
    consent = world.active_consent()
    world.sync(consent)
    world.due_again(consent)
    world.bank.token_expires_at = world.clock.now() + timedelta(hours=1)
    stored = world.consents.find(world.organisation_id, consent.id)
    assert stored is not None
    sealed = world.vault.seal(
        world.bank.tokens(), organisation_id=world.organisation_id, consent_id=consent.id
    )
    world.consents.save(stored.consent, replacing=stored, tokens=sealed, at=world.clock.now())
    health, version = world.healths.find(world.organisation_id, BANK_ID)
    noted = bank_health.succeeded(health, at=world.clock.now())
    world.healths.save(world.organisation_id, noted, version=version)  # as another consent's sync just did
    written: list[str] = []
    opened = []
    commit, vault_open = firestore.WriteBatch.commit, world.vault.open

    def counting(batch: Any, *args: Any, **kwargs: Any) -> Any:
        written.extend(
            (write.update.name or write.delete).rpartition("/documents/")[2] for write in batch._write_pbs
        )
        return commit(batch, *args, **kwargs)

    def counting_open(*args: Any, **kwargs: Any) -> Any:
        opened.append(args)
        return vault_open(*args, **kwargs)

    world.vault.open = counting_open  # type: ignore[method-assign]
    with monkeypatch.context() as patched:
        patched.setattr(firestore.WriteBatch, "commit", counting)
        assert world.sync(consent, task="task-2") == "synced"
    organisation = f"organisations/{world.organisation_id}"
    assert set(written) == {
        f"{organisation}/consents/{consent.id}",
        f"{organisation}/accounts/{world.account_id()}",
    }
    assert len(written) == 4, "the claim with its reservation, and the end"
    assert len(opened) == 1
