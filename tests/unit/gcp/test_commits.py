"""A commit whose answer is lost has happened or has not; nobody may take the one for the other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from google.api_core.exceptions import (
    Aborted,
    AlreadyExists,
    DeadlineExceeded,
    GoogleAPICallError,
    ServiceUnavailable,
)
from google.cloud.firestore_v1.batch import WriteBatch
from google.cloud.firestore_v1.document import DocumentReference

from shared.domain.consent_changes import ended
from shared.domain.consents import Consent
from shared.domain.errors import StaleWrite
from shared.domain.oauth_states import OAuthState
from shared.gcp.oauth_state_store import OAuthStateStore
from shared.use_cases.ports import StoredConsent
from tests.unit.use_cases.conftest import World, data, firestore_address, project, world

__all__ = ["data", "firestore_address", "project", "world"]

LOST = [DeadlineExceeded("lost"), ServiceUnavailable("lost"), Aborted("lost")]


def losing(
    monkeypatch: pytest.MonkeyPatch, kind: type, method: str, *, before: list[Any], after: list[Any]
) -> None:
    """Each call of `method` first raises the next of `before`, or does its work and raises the next of `after`."""
    real: Callable[..., Any] = getattr(kind, method)

    def call(self: Any, *arguments: Any, **named: Any) -> Any:
        failure = before.pop(0) if before else None
        if failure is not None:
            raise failure
        answer = real(self, *arguments, **named)
        failure = after.pop(0) if after else None
        if failure is not None:
            raise failure
        return answer

    monkeypatch.setattr(kind, method, call)


def stored(world: World, consent: Consent) -> StoredConsent:
    found = world.consents.find(world.organisation_id, consent.id)
    assert found is not None
    return found


def expire(world: World, before: StoredConsent) -> StoredConsent:
    return world.consents.save(
        ended(before.consent, status="expired"), replacing=before, at=world.clock.now()
    )


@pytest.mark.parametrize("lost", LOST)
def test_a_save_that_happened_is_known_to_have_happened(
    world: World, monkeypatch: pytest.MonkeyPatch, lost: Exception
) -> None:
    before = stored(world, world.active_consent())
    losing(monkeypatch, WriteBatch, "commit", before=[], after=[lost])
    saved = expire(world, before)
    assert saved == stored(world, before.consent)
    assert saved.consent.status == "expired"


@pytest.mark.parametrize("lost", LOST)
def test_a_save_that_did_not_happen_is_made_again(
    world: World, monkeypatch: pytest.MonkeyPatch, lost: Exception
) -> None:
    before = stored(world, world.active_consent())
    losing(monkeypatch, WriteBatch, "commit", before=[lost, lost], after=[])
    assert expire(world, before) == stored(world, before.consent)


def test_a_save_that_nobody_can_tell_of_is_an_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = stored(world, world.active_consent())
    losing(monkeypatch, WriteBatch, "commit", before=LOST * 3, after=[])
    with pytest.raises(GoogleAPICallError):
        expire(world, before)
    assert stored(world, before.consent) == before


def test_new_tokens_beside_an_unchanged_consent_are_not_taken_for_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The consent alone would look as if the write had happened."""
    before = stored(world, world.active_consent())
    world.bank.access_token = "access-new"
    sealed = world.vault.seal(
        world.bank.tokens(), organisation_id=world.organisation_id, consent_id=before.consent.id
    )
    losing(monkeypatch, WriteBatch, "commit", before=[LOST[0]], after=[])
    world.consents.save(before.consent, replacing=before, tokens=sealed, at=world.clock.now())
    assert world.consents.sealed_tokens(world.organisation_id, before.consent.id) == sealed


def test_the_librarys_own_second_attempt_is_not_taken_for_a_rivals(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It repeats a commit after UNAVAILABLE by itself, and is refused by the precondition of what happened."""
    before = stored(world, world.active_consent())
    real = WriteBatch.commit

    def twice(self: WriteBatch, *arguments: Any, **named: Any) -> Any:
        writes = list(self._write_pbs)
        real(self, *arguments, **named)
        self._write_pbs = writes
        return real(self, *arguments, **named)

    monkeypatch.setattr(WriteBatch, "commit", twice)
    assert expire(world, before) == stored(world, before.consent)


def test_a_rivals_write_is_stale_with_or_without_an_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stored(world, world.active_consent())
    rival = msgspec.structs.replace(before.consent, failed_syncs=3)
    world.consents.save(rival, replacing=before, at=world.clock.now())
    losing(monkeypatch, WriteBatch, "commit", before=[LOST[0]], after=[])
    with pytest.raises(StaleWrite):
        expire(world, before)
    assert stored(world, before.consent).consent == rival


def state(world: World, state_hash: str) -> OAuthStateStore:
    states = OAuthStateStore(world.data)
    states.create(
        state_hash,
        OAuthState(
            organisation_id=world.organisation_id,
            consent_id="con",
            bank_consent_id="bank",
            issuer="https://bank.example",
            issuer_in_response=True,
            expires_at=world.clock.now() + timedelta(minutes=10),
        ),
    )
    return states


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_state_is_used_once_even_when_the_answer_is_lost(
    world: World, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    states = state(world, "h" * 64)
    failures: dict[str, list[Any]] = {"before": [], "after": []} | {when: [LOST[0]]}
    losing(monkeypatch, DocumentReference, "update", **failures)
    assert states.use("h" * 64, at=world.clock.now()) is True
    assert states.use("h" * 64, at=world.clock.now()) is False


def test_a_state_whose_creation_was_not_answered_is_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client library asks again by itself, and is told that the document exists."""
    losing(
        monkeypatch, DocumentReference, "create", before=[], after=[AlreadyExists("Document already exists")]
    )
    assert state(world, "c" * 64).find("c" * 64) is not None
