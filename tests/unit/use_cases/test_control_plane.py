"""The control plane's use cases on the real stores: done again, refused, and what is kept of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.domain.api_keys import hash_key
from shared.domain.audit import AuditEntry
from shared.domain.errors import Conflict, Forbidden, NotFound
from shared.domain.users import ORGANISATIONS_MAX
from shared.gcp import paths
from shared.use_cases.create_organisation import create_organisation
from shared.use_cases.revoke_key import revoke_key
from shared.use_cases.set_tier import set_tier
from tests.unit.use_cases.office import ORIGIN, Office, identity, office

__all__ = ["office"]


def test_a_sign_up_done_again_is_the_same_one(office: Office) -> None:
    effect = office.effect()
    first, again = office.sign_up(effect=effect), office.sign_up(effect=effect)
    assert first == again
    assert office.organisations.organisations_of(first.owner.id) == [first.organisation.id]
    assert len(office.keys.list(first.organisation.id, limit=10, before=None)) == 2
    assert office.actions(first.organisation.id).count("organisation.created") == 1
    other = office.sign_up()
    assert other.organisation.id != first.organisation.id
    assert not {key.secret for key in other.keys} & {key.secret for key in first.keys}


def test_the_database_holds_no_secret(office: Office) -> None:
    made = office.sign_up()
    organisation_id = made.organisation.id
    invitation = office.invite(organisation_id, by=made.owner.id, name="eva")
    documents = [
        (snapshot.reference.path, snapshot.to_dict())
        for collection in (
            "organisations",
            "apiKeys",
            "apiKeyHashes",
            "users",
            "invitations",
            "invitationHashes",
        )
        for snapshot in office.control.collection_group(collection).stream()
    ]
    documents += [
        (snapshot.reference.path, snapshot.to_dict())
        for collection in ("audit", "emails", "memberships")
        for snapshot in office.control.collection_group(collection).stream()
    ]
    stored = repr(documents)
    for secret in (*(key.secret for key in made.keys), invitation.token):
        assert secret not in stored
        assert secret.rpartition("_")[2] not in stored
    audited = json.dumps([data for path, data in documents if "/audit/" in path], default=str)
    assert "bilko.io" not in audited, "the audit log names people by id alone"


def test_an_operators_organisation_has_no_users_and_working_keys(office: Office) -> None:
    made = create_organisation("Demo", tier="pro", organisations=office.organisations, clock=office.clock)
    found = office.control.document(paths.api_key_hash(hash_key(made.sandbox_key))).get()
    assert found.get("organisation") == made.organisation.id
    assert office.users(made.organisation.id) == {}
    assert office.log.list(made.organisation.id, limit=5, before=None)[0].actor.kind == "operator"


def test_a_user_has_so_many_organisations_and_no_more(office: Office) -> None:
    for _ in range(ORGANISATIONS_MAX):
        last = office.sign_up()
    with pytest.raises(Conflict):
        office.sign_up()
    eva = office.sign_up("eva")
    token = office.invite(eva.organisation.id, by=eva.owner.id, name="ana").token
    with pytest.raises(Conflict):
        office.accept(token, "ana")
    assert last.organisation.id in office.organisations.organisations_of(last.owner.id)


def test_sign_ups_at_once_do_not_pass_the_limit(office: Office) -> None:
    for _ in range(ORGANISATIONS_MAX - 3):
        office.sign_up()

    def attempt(_: int) -> bool:
        try:
            return bool(office.sign_up())
        except Conflict:
            return False

    with ThreadPoolExecutor(6) as threads:
        made = sum(threads.map(attempt, range(12)))
    known = office.organisations.organisations_of(identity("ana").user_id)
    assert len(known) == ORGANISATIONS_MAX - 3 + made <= ORGANISATIONS_MAX
    assert made >= 1


def test_a_suspended_organisation_makes_nothing_new_but_can_be_cleaned(office: Office) -> None:
    made = office.sign_up()
    org = made.organisation.id
    guest = office.add(org, "guest", "viewer")
    office.control.document(paths.organisation(org)).update({"status": "suspended"})
    with pytest.raises(Forbidden):
        office.invite(org, by=made.owner.id, name="eva")
    with pytest.raises(Forbidden):
        office.rotate(made, made.keys[0].details.id)
    revoke_key(org, made.keys[0].details.id, origin=ORIGIN, keys=office.keys, clock=office.clock)
    office.remove(org, by=made.owner.id, user_id=guest)


def test_a_tier_is_changed_once(office: Office) -> None:
    made = office.sign_up()
    for _ in range(2):
        changed = set_tier(
            made.organisation.id, "pro", origin=ORIGIN, organisations=office.organisations, clock=office.clock
        )
        assert changed.tier == "pro"
    assert office.actions(made.organisation.id).count("organisation.tier_changed") == 1
    with pytest.raises(NotFound):
        set_tier("org_x", "pro", origin=ORIGIN, organisations=office.organisations, clock=office.clock)


def test_what_is_refused_leaves_no_entry(office: Office) -> None:
    made = office.sign_up()
    before: Sequence[AuditEntry] = office.log.list(made.organisation.id, limit=50, before=None)
    with pytest.raises(Conflict):
        office.remove(made.organisation.id, by=made.owner.id, user_id=made.owner.id)
    guest = office.add(made.organisation.id, "guest", "viewer")
    with pytest.raises(Forbidden):
        office.change_role(made.organisation.id, by=guest, user_id=guest, role="owner")
    assert office.log.list(made.organisation.id, limit=50, before=None) == before
