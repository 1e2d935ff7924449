"""A consent is completed although the store's answer to one of its commits was lost."""

from __future__ import annotations

from typing import Any

import pytest
from google.api_core.exceptions import DeadlineExceeded, ServiceUnavailable
from google.cloud import firestore

from shared.domain.errors import Conflict, StaleWrite
from shared.domain.oauth_states import hash_state
from shared.gcp.oauth_state_store import OAuthStateStore
from tests.unit.use_cases.conftest import World
from tests.unit.use_cases.test_consents import complete, history, start


def losing(lost: int, failure: type[Exception], *, applied: bool) -> Any:
    commits = 0
    commit = firestore.WriteBatch.commit

    def commit_and_lose(batch: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal commits
        commits += 1
        if commits != lost:
            return commit(batch, *args, **kwargs)
        if applied:
            commit(batch, *args, **kwargs)
        raise failure("no answer")

    return commit_and_lose


@pytest.mark.parametrize("failure", [DeadlineExceeded, ServiceUnavailable])
@pytest.mark.parametrize("lost", [1, 2])
def test_the_state_is_used_and_the_consent_active(
    world: World, monkeypatch: pytest.MonkeyPatch, lost: int, failure: type[Exception]
) -> None:
    started = start(world)
    with monkeypatch.context() as patched:
        patched.setattr(firestore.WriteBatch, "commit", losing(lost, failure, applied=True))
        assert complete(world, started.state).status == "active"
    assert history(world, started.consent) == ["pending", "active"]
    with pytest.raises(Conflict):
        complete(world, started.state)


@pytest.mark.parametrize("lost", [1, 2])
def test_what_was_not_applied_is_not_taken_for_made_but_made_again(
    world: World, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    started = start(world)
    with monkeypatch.context() as patched:
        patched.setattr(firestore.WriteBatch, "commit", losing(lost, DeadlineExceeded, applied=False))
        assert complete(world, started.state).status == "active"
    assert history(world, started.consent) == ["pending", "active"]
    assert world.consents.sealed_tokens(world.organisation_id, started.consent.id) is not None
    with pytest.raises(Conflict):
        complete(world, started.state)


def test_anothers_use_is_not_taken_for_ones_own(world: World) -> None:
    """At the same moment, with the same content but for who did it."""
    started = start(world)
    states = OAuthStateStore(world.data)
    complete(world, started.state)
    assert not states.use(hash_state(started.state), at=world.clock.now())


def test_a_consent_that_somebody_else_saved_is_stale(world: World) -> None:
    consent = world.active_consent()
    stored = world.consents.find(world.organisation_id, consent.id)
    assert stored is not None
    world.sync(consent)
    with pytest.raises(StaleWrite):
        world.consents.save(consent, replacing=stored, at=world.clock.now())
