"""Keys on the real stores: made again, rotated, revoked by many at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.api_keys import hash_key
from shared.domain.errors import Conflict, NotFound
from shared.gcp import paths
from shared.use_cases.create_key import create_key
from shared.use_cases.revoke_key import revoke_key
from tests.unit.use_cases.office import ORIGIN, SECRETS_KEY, Office, office

__all__ = ["office"]


def test_a_key_made_again_is_the_same_key(office: Office) -> None:
    made = office.sign_up()
    effect = office.effect()

    def make() -> Any:
        return create_key(
            made.organisation.id,
            by=made.owner.id,
            environment="live",
            label="CI",
            expires_at=None,
            effect=effect,
            secrets_key=SECRETS_KEY,
            origin=ORIGIN,
            organisations=office.organisations,
            keys=office.keys,
        )

    assert make() == make()
    assert len(office.keys.list(made.organisation.id, limit=10, before=None)) == 3


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
