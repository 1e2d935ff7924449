"""Keys on the real stores: made again, rotated, revoked by many at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, cast

import pytest
from google.cloud import firestore

from shared.domain.api_keys import hash_key
from shared.domain.errors import Conflict, Forbidden, NotFound, TokError
from shared.gcp import paths
from shared.gcp.organisation_erasure_store import OrganisationErasureStore
from shared.use_cases.erase_organisation import request_organisation_erasure
from shared.use_cases.revoke_key import revoke_key
from shared.use_cases.sign_up import IssuedKey
from tests.unit.use_cases.office import ORIGIN, Meanwhile, Office, office

__all__ = ["office"]


def test_a_key_made_again_is_the_same_key(office: Office) -> None:
    made = office.sign_up()
    effect = office.effect()

    def make() -> IssuedKey:
        return office.create_key(made.organisation.id, by=made.owner.id, effect=effect)

    assert make() == make()
    assert len(office.keys.list(made.organisation.id, limit=10, before=None)) == 3


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """As many keys as an organisation may have here."""
    monkeypatch.setattr("shared.use_cases.create_key.KEYS_MAX", 6)
    return 6


def test_of_two_creations_at_the_limit_one_counts(office: Office, few: int) -> None:
    """Each sees the last free place; the second reads again and finds it taken."""
    made = office.sign_up()
    org, ana = made.organisation.id, made.owner.id
    for _ in range(few - len(made.keys) - 1):
        office.create_key(org, by=ana)
    store = Meanwhile(office.organisations, lambda: office.create_key(org, by=ana))
    with pytest.raises(Conflict, match="usable keys"):
        office.create_key(org, by=ana, organisations=store)
    assert len(office.keys.list(org, limit=few * 2, before=None)) == few
    assert office.actions(org).count("key.created") == few


def test_of_eight_creations_at_the_limit_as_many_count_as_there_is_room(office: Office, few: int) -> None:
    made = office.sign_up()
    org, ana = made.organisation.id, made.owner.id
    for _ in range(few - len(made.keys) - 3):
        office.create_key(org, by=ana)

    def create(_: int) -> bool:
        try:
            office.create_key(org, by=ana)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        created = sum(threads.map(create, range(8)))
    assert created == 3
    assert len(office.keys.list(org, limit=few * 2, before=None)) == few


def test_whoever_is_removed_or_demoted_meanwhile_makes_no_key(office: Office) -> None:
    made = office.sign_up()
    org, ana = made.organisation.id, made.owner.id
    removed, demoted = office.add(org, "removed", "developer"), office.add(org, "demoted", "developer")
    store = Meanwhile(office.organisations, lambda: office.remove(org, by=ana, user_id=removed))
    with pytest.raises(NotFound):
        office.create_key(org, by=removed, organisations=store)
    store = Meanwhile(
        office.organisations, lambda: office.change_role(org, by=ana, user_id=demoted, role="viewer")
    )
    with pytest.raises(Forbidden):
        office.create_key(org, by=demoted, organisations=store)
    rotator = office.add(org, "rotator", "developer")
    store = Meanwhile(office.organisations, lambda: office.remove(org, by=ana, user_id=rotator))
    with pytest.raises(NotFound):
        office.rotate(made, made.keys[0].details.id, by=rotator, organisations=store)
    assert {key.id for key in office.keys.list(org, limit=10, before=None)} == {
        key.details.id for key in made.keys
    }
    assert all(key.replaced_by is None for key in office.keys.list(org, limit=10, before=None))


def test_no_key_is_made_for_an_organisation_whose_erasure_has_begun_meanwhile(office: Office) -> None:
    made = office.sign_up()
    org, ana = made.organisation.id, made.owner.id
    erasures = OrganisationErasureStore(office.control, cast(Any, None))  # nothing is purged here
    store = Meanwhile(
        office.organisations,
        lambda: request_organisation_erasure(
            org, origin=ORIGIN, environments=("sandbox",), erasures=erasures, clock=office.clock
        ),
    )
    with pytest.raises(TokError):
        office.create_key(org, by=ana, organisations=store)
    assert len(office.keys.list(org, limit=10, before=None)) == len(made.keys)


def test_a_creation_whose_answer_was_lost_is_the_same_key(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client library sends the commit again, which meets the very key that it made."""
    made = office.sign_up()
    org, effect = made.organisation.id, office.effect()
    commit = firestore.WriteBatch.commit

    def commit_twice(batch: Any, *args: Any, **kwargs: Any) -> Any:
        commit(batch, *args, **kwargs)
        return commit(batch, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(firestore.WriteBatch, "commit", commit_twice)
        issued = office.create_key(org, by=made.owner.id, effect=effect)
    assert issued == office.create_key(org, by=made.owner.id, effect=effect)
    assert office.actions(org).count("key.created") == len(made.keys) + 1


def test_a_rotation_ends_the_old_key_after_the_overlap_and_is_done_once(office: Office) -> None:
    made = office.sign_up()
    old, effect = made.keys[1], office.effect()
    new = office.rotate(made, old.details.id, effect=effect)
    assert office.rotate(made, old.details.id, effect=effect) == new
    with pytest.raises(Conflict):
        office.rotate(made, old.details.id)
    looked_up = office.control.document(paths.api_key_hash(hash_key(old.secret))).get()
    assert looked_up.get("expiresAt") == office.clock.now() + timedelta(minutes=60)
    assert looked_up.get("revoked") is False
    assert office.control.document(paths.api_key_hash(hash_key(new.secret))).get().exists
    assert office.actions(made.organisation.id).count("key.rotated") == 1


def test_a_rotation_never_lengthens_a_keys_life(office: Office) -> None:
    made = office.sign_up()
    first = office.rotate(made, made.keys[1].details.id, minutes=0)
    office.clock.move(timedelta(minutes=1))
    with pytest.raises(Conflict):
        office.rotate(made, made.keys[1].details.id)
    office.rotate(made, first.details.id, minutes=10)
    listed = {key.id: key for key in office.keys.list(made.organisation.id, limit=10, before=None)}
    assert not listed[made.keys[1].details.id].is_usable(at=office.clock.now())


def test_eight_revocations_at_once_are_one(office: Office) -> None:
    made = office.sign_up()
    key = made.keys[1]

    def revoke(_: int) -> None:
        revoke_key(made.organisation.id, key.details.id, origin=ORIGIN, keys=office.keys, clock=office.clock)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(revoke, range(8)))
    assert office.control.document(paths.api_key_hash(hash_key(key.secret))).get().get("revoked") is True
    assert office.actions(made.organisation.id).count("key.revoked") == 1


def test_a_key_of_another_organisation_is_not_found(office: Office) -> None:
    made, other = office.sign_up(), office.sign_up("eva")
    with pytest.raises(NotFound):
        revoke_key(
            other.organisation.id,
            made.keys[0].details.id,
            origin=ORIGIN,
            keys=office.keys,
            clock=office.clock,
        )
    with pytest.raises(NotFound):
        office.rotate(other, made.keys[0].details.id)
