"""An erased account is gone from every document, stays gone, and can be erased by however many tries it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.consents import Consent
from shared.domain.erasures import AccountErasure
from shared.domain.errors import NotFound, StaleWrite
from shared.domain.wanted_reads import asked_for
from shared.gcp import paths
from shared.gcp.account_erasure_store import AccountErasureStore
from shared.gcp.raw_firestore import RawFirestore
from shared.use_cases.erase_account import erase_account, go_on_erasing
from tests.everything import everything, mentions
from tests.fakes.bank import bank_account, bank_transaction
from tests.fakes.dying import Countdown, Died, Mortal
from tests.unit.control_plane import origin_of, person
from tests.unit.use_cases.conftest import World

ENOUGH = timedelta(minutes=1)
ORIGIN = origin_of(person("vlasnik"))


class Erasing:
    """A world with two accounts under one consent, and what erases one of them."""

    def __init__(self, world: World, raw: RawFirestore) -> None:
        self.world = world
        self.store = AccountErasureStore(world.data, raw)
        self.consent = self.connect()
        by_iban = {account.iban: account.id for account in self.accounts()}
        self.erased_iban, self.kept_iban = (bank_account(number).iban for number in (1, 2))
        self.account_id = by_iban[self.erased_iban]
        self.kept_id = by_iban[self.kept_iban]

    def connect(self) -> Consent:
        world = self.world
        world.bank.accounts_held = [bank_account(1), bank_account(2)]
        today = world.clock.now().date()
        for number, account in enumerate(world.bank.accounts_held):
            world.bank.booked[account.resource_id] = [
                bank_transaction(number * 1000 + day, today - timedelta(days=day)) for day in range(300)
            ]
        consent = world.active_consent()
        assert world.sync(consent) == "synced"
        return consent

    def accounts(self) -> list[Any]:
        return self.world.accounts.list(self.world.organisation_id, limit=9, after=None)

    def erase(self, *, time: timedelta = ENOUGH) -> AccountErasure:
        clock = self.world.clock
        return erase_account(
            self.world.organisation_id,
            self.account_id,
            origin=ORIGIN,
            until=clock.now() + time,
            accounts=self.world.accounts,
            erasures=self.store,
            consents=self.world.consents,
            clock=clock,
        )

    def sync_again(self, consent: Consent) -> str:
        self.world.clock.move(timedelta(hours=9))
        return self.world.sync(consent, task="later")

    def require_gone(self) -> None:
        documents = everything(self.world.data)
        assert mentions(documents, self.erased_iban or "?", "Račun 17") == {}
        record = paths.account_erasure(self.world.organisation_id, self.account_id)
        audit = [path for path in documents if path.split("/")[-2] == "auditOutbox"]
        consents = [path for path in documents if path.split("/")[-2] == "consents"]
        assert set(mentions(documents, self.account_id)[self.account_id]) <= {record, *audit, *consents}
        for path in consents:
            assert self.account_id not in documents[path]["accountIds"]

    def require_other_account_whole(self) -> None:
        assert [account.id for account in self.accounts()] == [self.kept_id]
        assert len(self.world.rows(self.kept_id)) == 300


@pytest.fixture
def erasing(world: World, raw: RawFirestore) -> Erasing:
    return Erasing(world, raw)


def test_it_is_gone_from_every_document_and_the_other_account_is_whole(erasing: Erasing) -> None:
    assert mentions(everything(erasing.world.data), erasing.erased_iban or "?")
    assert erasing.erase().erased_at is not None
    erasing.require_gone()
    erasing.require_other_account_whole()


def test_the_next_sync_does_not_bring_it_back_and_goes_on_with_the_other(erasing: Erasing) -> None:
    erasing.erase()
    assert erasing.sync_again(erasing.consent) == "synced"
    erasing.require_gone()
    erasing.require_other_account_whole()
    assert not [call for call in erasing.world.bank.calls[-4:] if "resource-1" in call]


def test_a_new_consent_may_bring_it_back(erasing: Erasing) -> None:
    erasing.erase()
    erasing.world.clock.move(timedelta(hours=9))
    erasing.connect()
    assert sorted(account.id for account in erasing.accounts()) == sorted(
        [erasing.account_id, erasing.kept_id]
    )
    assert erasing.erase().requested_at == erasing.world.clock.now()
    erasing.require_gone()


def test_a_consent_that_waited_for_its_psu_does_not_bring_it_back(erasing: Erasing) -> None:
    pending = erasing.world.pending_consent()
    erasing.erase()
    stored = erasing.world.consents.find(erasing.world.organisation_id, pending.id)
    assert stored is not None
    assert stored.consent.erased_account_ids == (erasing.account_id,)


def test_erasing_again_changes_nothing(erasing: Erasing) -> None:
    first = erasing.erase()
    erasing.world.clock.move(timedelta(hours=1))
    assert erasing.erase() == first


def test_what_is_unknown_or_anothers_is_not_found(erasing: Erasing, new_world: Callable[[], World]) -> None:
    other = new_world()
    with pytest.raises(NotFound):
        erase_account(
            other.organisation_id,
            erasing.account_id,
            origin=ORIGIN,
            until=other.clock.now() + ENOUGH,
            accounts=other.accounts,
            erasures=erasing.store,
            consents=other.consents,
            clock=other.clock,
        )
    assert len(erasing.accounts()) == 2


def test_a_sync_under_way_writes_nothing_more(erasing: Erasing) -> None:
    """The worker that read the account before the erasure finds its lease gone when it wants to write."""
    world = erasing.world
    world.clock.move(timedelta(hours=9))
    read = world.bank.balances

    def balances(*arguments: Any) -> Any:
        world.bank.balances = read  # type: ignore[method-assign]
        erasing.erase()
        return read(*arguments)

    world.bank.balances = balances  # type: ignore[method-assign]
    assert world.sync(erasing.consent, task="in-flight") == "overtaken"
    erasing.require_gone()


def test_a_read_that_waits_half_done_is_forgotten_too(erasing: Erasing) -> None:
    """Between two attempts, what was read of an account lies beside the consent, and so do the bank's accounts."""
    world = erasing.world
    world.clock.move(timedelta(hours=9))
    consent = world.active_consent()
    calls = len(world.bank.calls)
    outcome = world.sync(consent, task="stopped", should_stop=lambda: len(world.bank.calls) > calls + 6)
    assert outcome == "continued"
    assert any("/reading/" in path for path in everything(world.data))
    assert erasing.erase().erased_at is not None
    assert not any("/reading/" in path for path in everything(world.data))
    erasing.require_gone()
    assert erasing.sync_again(consent) == "synced"
    erasing.require_gone()
    erasing.require_other_account_whole()


def test_an_account_that_a_client_waits_for_is_waited_for_no_more(erasing: Erasing) -> None:
    world = erasing.world
    stored = world.consents.find(world.organisation_id, erasing.consent.id)
    assert stored is not None
    in_turn_at = stored.consent.next_sync_at
    wanted = asked_for(
        stored.consent, account_id=erasing.account_id, at=world.clock.now(), psu_ip_address=None
    )
    world.consents.save(wanted, replacing=stored, at=world.clock.now())
    erasing.erase()
    after = world.consents.find(world.organisation_id, erasing.consent.id)
    assert after is not None
    assert (after.consent.wanted, after.consent.next_sync_at) == ((), in_turn_at)


@pytest.mark.parametrize("before", range(7))
def test_whoever_dies_anywhere_the_tick_finishes(erasing: Erasing, before: int) -> None:
    world = erasing.world
    whole = erasing.store
    erasing.store = Mortal(whole, Countdown(before))  # type: ignore[assignment]
    died = False
    try:
        erasing.erase()
    except Died:
        died = True
    assert died == (before < 6)
    erasing.store = whole
    if before < 2:  # nothing was promised yet: whoever asked asks again
        erasing.erase()
    for organisation_id, erasure in list(_open(whole, world.organisation_id)):
        go_on_erasing(
            organisation_id,
            erasure,
            until=world.clock.now() + ENOUGH,
            erasures=whole,
            consents=world.consents,
            clock=world.clock,
        )
    erasing.require_gone()
    assert not list(_open(whole, world.organisation_id))


def _open(store: AccountErasureStore, organisation_id: str) -> Iterator[tuple[str, AccountErasure]]:
    return (found for found in store.open() if found[0] == organisation_id)


def test_out_of_time_it_is_out_of_sight_and_goes_on_later(
    erasing: Erasing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.gcp.purge.BATCH_SIZE", 1)
    assert erasing.erase(time=timedelta()).erased_at is None
    assert [account.id for account in erasing.accounts()] == [erasing.kept_id]
    tries = 0
    while erasing.erase(time=timedelta()).erased_at is None:
        tries += 1
    assert tries >= 1
    erasing.require_gone()


def test_an_account_that_came_back_meanwhile_is_erased_too(erasing: Erasing) -> None:
    """A consent that began between the look at the consents and the end of the purge."""
    hide = erasing.store.hide

    def hide_and_connect(*arguments: str) -> None:
        hide(*arguments)
        erasing.store.hide = hide  # type: ignore[method-assign]
        erasing.world.clock.move(timedelta(hours=9))
        erasing.connect()

    erasing.store.hide = hide_and_connect  # type: ignore[method-assign]
    assert erasing.erase().erased_at is None
    assert erasing.erase().erased_at is not None
    erasing.require_gone()


def test_a_consent_that_keeps_changing_is_tried_again(erasing: Erasing) -> None:
    world = erasing.world
    save = world.consents.save
    failures = [StaleWrite("once"), StaleWrite("twice")]

    def stale(*arguments: Any, **options: Any) -> Any:
        if failures:
            raise failures.pop()
        return save(*arguments, **options)

    world.consents.save = stale  # type: ignore[method-assign]
    assert erasing.erase().erased_at is not None
    world.consents.save = save  # type: ignore[method-assign]
    erasing.require_gone()
