"""The simulation finds what it is there to find: each of these breaks the product, and must be seen.

A test that cannot fail is a defect; this is how the simulation fails.
"""

from __future__ import annotations

import itertools
import logging
from typing import Any

import msgspec
import pytest

import shared.domain.accounts
import shared.use_cases.account_ledger
import shared.use_cases.consent_deadlines
import shared.use_cases.sync_account
from shared.gcp.envelope import KmsTokenVault
from shared.gcp.sync_store import FirestoreSyncStore
from shared.use_cases.bank_session import BankSession
from shared.use_cases.fence import Fence
from tests.simulation.simulate import simulate

_SEEDS_MAX = 60


def found(*kinds: str) -> bool:
    """Whether some seed shows a violation of one of these kinds."""
    for seed in range(1, 1 + _SEEDS_MAX):
        if any(violation.kind in kinds for violation in simulate(seed).violations):
            return True
    return False


def test_writes_without_the_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    def put(_self: Any, batch: Any, reference: Any, document: Any, **_version: Any) -> None:
        batch.set(reference, document)

    monkeypatch.setattr(FirestoreSyncStore, "_put", put)
    assert found("lost", "doubled", "id changed", "feed", "budget", "error")


def test_a_lease_that_everybody_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared.domain.consents.Lease, "is_held", lambda *_, **__: False)
    monkeypatch.setattr(Fence, "_require_ours", _take_over)
    assert found("lost", "doubled", "id changed", "feed", "budget", "tokens", "error")


def _take_over(fence: Fence) -> None:
    """Takes whatever is stored now for its own."""
    stored = fence._consents.find(fence.consent.organisation_id, fence.consent.id)
    assert stored is not None
    fence._stored = stored


def test_matching_that_knows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = shared.use_cases.account_ledger.match
    numbers = itertools.count()

    def match(account_id: str, *args: Any, **options: Any) -> Any:
        return real(f"{account_id}{next(numbers)}", *args, **{**options, "known": (), "pending": ()})

    monkeypatch.setattr(shared.use_cases.account_ledger, "match", match)
    assert found("id changed", "doubled")


def test_pages_that_are_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = BankSession.read

    def read(self: BankSession, call: Any) -> Any:
        answer = real(self, call)
        if getattr(answer, "next_page", None) is None:
            return answer
        return msgspec.structs.replace(answer, next_page=None)

    monkeypatch.setattr(BankSession, "read", read)
    assert found("lost")


def test_new_tokens_that_are_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fence, "refreshed", lambda _self, _tokens: None)
    assert found("tokens")


def test_a_budget_that_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared.use_cases.reservations, "reserve_read", lambda record, *, at: record)
    assert found("budget")


def test_tokens_in_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    real = KmsTokenVault.seal

    def seal(self: KmsTokenVault, tokens: Any, **place: Any) -> Any:
        sealed = real(self, tokens, **place)
        return msgspec.structs.replace(sealed, ciphertext=sealed.ciphertext + msgspec.json.encode(tokens))

    monkeypatch.setattr(KmsTokenVault, "seal", seal)
    assert found("leak")


def test_tokens_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    real = KmsTokenVault.seal

    def seal(self: KmsTokenVault, tokens: Any, **place: Any) -> Any:
        logging.getLogger("tok").warning("sealing %s", tokens.access_token)
        return real(self, tokens, **place)

    monkeypatch.setattr(KmsTokenVault, "seal", seal)
    assert found("leak")


def test_a_feed_that_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    real = shared.use_cases.account_ledger.Entry.change

    def change(self: Any) -> Any:
        told = real.fget(self)
        return None if told is not None and told.kind == "modified" else told

    monkeypatch.setattr(shared.use_cases.account_ledger.Entry, "change", property(change))
    assert found("feed")


def test_a_bank_that_is_told_of_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared.use_cases.consent_deadlines, "give_back", lambda *_, **__: True)
    assert found("alive")
