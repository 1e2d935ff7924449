"""The control plane's use cases on the real stores: done again, interrupted, and done by two at once."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from google.cloud.firestore import Client

from shared.domain.api_keys import hash_key
from shared.domain.audit import Actor, AuditEntry, Origin
from shared.domain.effects import Effect, new_effect
from shared.domain.errors import Conflict, Forbidden, NotFound, TokError
from shared.domain.invitations import INVITATION_LIFETIME
from shared.domain.roles import ROLES, Role
from shared.domain.users import ORGANISATIONS_MAX, Identity, User, user_id_of
from shared.gcp import paths
from shared.gcp.audit_store import AuditStore
from shared.gcp.invitation_store import InvitationStore
from shared.gcp.key_store import KeyStore
from shared.gcp.organisation_store import OrganisationStore, add_user, fence
from shared.http.sealing import Sealer
from shared.use_cases.accept_invitation import accept_invitation
from shared.use_cases.change_user_role import change_user_role
from shared.use_cases.control_plane import StoredRoster
from shared.use_cases.create_key import create_key
from shared.use_cases.create_organisation import create_organisation
from shared.use_cases.invite_user import IssuedInvitation, invite_user
from shared.use_cases.remove_user import remove_user
from shared.use_cases.revoke_key import revoke_key
from shared.use_cases.rotate_key import rotate_key
from shared.use_cases.set_tier import set_tier
from shared.use_cases.sign_up import SignedUp, sign_up
from shared.use_cases.update_organisation import update_organisation
from tests.fakes.clock import FakeClock
from tests.localcloud.firestore.conftest import connect

SECRETS_KEY = b"s" * 32
ORIGIN = Origin(actor=Actor(kind="user", id="usr_x"), ip_address="192.0.2.1", request_id="req_x")


def identity(name: str) -> Identity:
    return Identity(user_id=user_id_of(issuer="test", subject=name), email=f"{name}@bilko.io")


@dataclass
class Office:
    control: Client
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.organisations = OrganisationStore(self.control)
        self.invitations = InvitationStore(self.control)
        self.keys = KeyStore(self.control)
        self.log = AuditStore(self.control)

    def effect(self) -> Effect:
        return new_effect(at=self.clock.now())

    def sign_up(self, name: str = "ana", *, effect: Effect | None = None, **stores: Any) -> SignedUp:
        return sign_up(
            "Bilko",
            identity=identity(name),
            effect=effect or self.effect(),
            secrets_key=SECRETS_KEY,
            origin=ORIGIN,
            organisations=stores.get("organisations", self.organisations),
        )

    def add(self, organisation_id: str, name: str, role: Role) -> str:
        stored = self.organisations.roster(organisation_id)
        assert stored is not None
        who = identity(name)
        user = User(id=who.user_id, email=who.email, role=role, joined_at=self.clock.now())
        batch = self.control.batch()
        fence(batch, self.control, stored, stored.roster.organisation)
        add_user(batch, self.control, organisation_id, user)
        batch.commit()
        return user.id

    def invite(self, organisation_id: str, *, by: str, name: str, role: Role = "viewer") -> IssuedInvitation:
        return invite_user(
            organisation_id,
            by=by,
            email=f"{name}@bilko.io",
            role=role,
            environment="sandbox",
            effect=self.effect(),
            secrets_key=SECRETS_KEY,
            origin=ORIGIN,
            organisations=self.organisations,
            invitations=self.invitations,
            sealer=Sealer(SECRETS_KEY),
        )

    def accept(self, token: str, name: str) -> User:
        return accept_invitation(
            token,
            identity=identity(name),
            origin=ORIGIN,
            organisations=self.organisations,
            invitations=self.invitations,
            clock=self.clock,
        ).user

    def change_role(self, organisation_id: str, *, by: str, user_id: str, role: Role, **stores: Any) -> User:
        return change_user_role(
            organisation_id,
            by=by,
            user_id=user_id,
            role=role,
            origin=ORIGIN,
            organisations=stores.get("organisations", self.organisations),
            clock=self.clock,
        )

    def remove(self, organisation_id: str, *, by: str, user_id: str) -> None:
        remove_user(
            organisation_id,
            by=by,
            user_id=user_id,
            origin=ORIGIN,
            organisations=self.organisations,
            clock=self.clock,
        )

    def users(self, organisation_id: str) -> dict[str, Role]:
        stored = self.organisations.roster(organisation_id)
        assert stored is not None
        return {user.id: user.role for user in stored.roster.users.values()}

    def actions(self, organisation_id: str) -> list[str]:
        return [entry.action for entry in self.log.list(organisation_id, limit=500, before=None)]


@pytest.fixture
def office(firestore_address: str, project: str) -> Office:
    control: Client = connect(Client, firestore_address, project=project, database="(default)")
    return Office(control)


class Meanwhile:
    """A store that lets something happen between each reading of a roster and the write that follows it."""

    def __init__(self, store: OrganisationStore, *events: Callable[[], Any]) -> None:
        self._store = store
        self._events = list(events)

    def roster(self, organisation_id: str) -> StoredRoster | None:
        stored = self._store.roster(organisation_id)
        if self._events:
            self._events.pop(0)()
        return stored

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


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


def test_a_change_is_judged_by_what_was_true_when_it_was_made(office: Office) -> None:
    """Ana demotes Eva; before she is done, Eva has demoted Ana."""
    made = office.sign_up()
    org, ana = made.organisation.id, made.owner.id
    eva = office.add(org, "eva", "owner")
    store = Meanwhile(
        office.organisations, lambda: office.change_role(org, by=eva, user_id=ana, role="viewer")
    )
    with pytest.raises(Forbidden):
        office.change_role(org, by=ana, user_id=eva, role="viewer", organisations=store)
    assert office.users(org) == {ana: "viewer", eva: "owner"}


def test_an_admin_who_was_removed_meanwhile_changes_nothing(office: Office) -> None:
    made = office.sign_up()
    org = made.organisation.id
    admin, guest = office.add(org, "admin", "admin"), office.add(org, "guest", "viewer")
    store = Meanwhile(office.organisations, lambda: office.remove(org, by=made.owner.id, user_id=admin))
    with pytest.raises(NotFound):
        office.change_role(org, by=admin, user_id=guest, role="admin", organisations=store)
    assert office.users(org)[guest] == "viewer"


def test_an_organisation_that_never_stands_still_is_a_conflict(office: Office) -> None:
    made = office.sign_up()
    org = made.organisation.id

    def rename() -> None:
        update_organisation(
            org,
            by=made.owner.id,
            name=f"Name {random.random()}",
            callback_origins=None,
            origin=ORIGIN,
            organisations=office.organisations,
            clock=office.clock,
        )
        office.clock.move(timedelta(milliseconds=1))

    guest = office.add(org, "guest", "viewer")
    store = Meanwhile(office.organisations, *[rename] * 10)
    with pytest.raises(Conflict):
        office.change_role(org, by=made.owner.id, user_id=guest, role="admin", organisations=store)
    assert office.users(org)[guest] == "viewer"


@pytest.mark.parametrize("seed", range(6))
def test_owners_at_war_leave_an_owner(office: Office, seed: int) -> None:
    """Four owners demote, remove and leave, all at once, in threads."""
    made = office.sign_up()
    org = made.organisation.id
    people = [made.owner.id, *(office.add(org, name, "owner") for name in ("b", "c", "d"))]
    dice = random.Random(seed)
    moves = [
        (
            dice.choice(["role", "remove", "leave"]),
            dice.choice(people),
            dice.choice(people),
            dice.choice(ROLES),
        )
        for _ in range(24)
    ]

    def move(number: int) -> None:
        kind, by, whom, role = moves[number]
        own_clock = FakeClock()
        own_clock.move(timedelta(milliseconds=number))
        try:
            if kind == "role":
                change_user_role(
                    org,
                    by=by,
                    user_id=whom,
                    role=role,
                    origin=ORIGIN,
                    organisations=office.organisations,
                    clock=own_clock,
                )
            else:
                remove_user(
                    org,
                    by=by,
                    user_id=by if kind == "leave" else whom,
                    origin=ORIGIN,
                    organisations=office.organisations,
                    clock=own_clock,
                )
        except TokError:
            return

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(move, range(len(moves))))
    left = office.users(org)
    assert "owner" in left.values()
    changed = sum(action.startswith("user.") for action in office.actions(org))
    stored = office.organisations.roster(org)
    assert stored is not None
    assert stored.roster.organisation.revision == 1 + 3 + changed, "each change has its entry, and no more"
    for person in people:
        known = office.organisations.organisations_of(person)
        assert (known == [org]) == (person in left)


def test_an_invitation_is_for_one_person_once_and_in_time(office: Office) -> None:
    made = office.sign_up()
    org, ana = made.organisation.id, made.owner.id
    token = office.invite(org, by=ana, name="eva", role="admin").token
    with pytest.raises(Forbidden):
        office.accept(token, "thief")
    with pytest.raises(NotFound):
        office.accept(token[:-1] + ("A" if token[-1] != "A" else "B"), "eva")
    assert office.accept(token, "eva") == office.accept(token, "eva")
    assert office.actions(org).count("user.joined") == 1
    with pytest.raises(Conflict):
        office.invite(org, by=ana, name="eva")

    late = office.invite(org, by=ana, name="ivo").token
    office.clock.move(INVITATION_LIFETIME)
    with pytest.raises(Conflict):
        office.accept(late, "ivo")


def test_a_removed_user_cannot_come_back_with_the_old_invitation(office: Office) -> None:
    made = office.sign_up()
    org, ana = made.organisation.id, made.owner.id
    token = office.invite(org, by=ana, name="eva").token
    eva = office.accept(token, "eva").id
    office.remove(org, by=ana, user_id=eva)
    with pytest.raises(Conflict):
        office.accept(token, "eva")
    assert office.organisations.organisations_of(eva) == []


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


def rotate(
    office: Office, made: SignedUp, key_id: str, *, effect: Effect | None = None, minutes: int = 60
) -> Any:
    return rotate_key(
        made.organisation.id,
        key_id,
        by=made.owner.id,
        overlap=timedelta(minutes=minutes),
        expires_at=None,
        effect=effect or office.effect(),
        secrets_key=SECRETS_KEY,
        origin=ORIGIN,
        organisations=office.organisations,
        keys=office.keys,
    )


def test_a_rotation_ends_the_old_key_after_the_overlap_and_is_done_once(office: Office) -> None:
    made = office.sign_up()
    old, effect = made.keys[1], office.effect()
    new = rotate(office, made, old.details.id, effect=effect)
    assert rotate(office, made, old.details.id, effect=effect) == new
    with pytest.raises(Conflict):
        rotate(office, made, old.details.id)
    looked_up = office.control.document(paths.api_key_hash(hash_key(old.secret))).get()
    assert looked_up.get("expiresAt") == office.clock.now() + timedelta(minutes=60)
    assert looked_up.get("revoked") is False
    assert office.control.document(paths.api_key_hash(hash_key(new.secret))).get().exists
    assert office.actions(made.organisation.id).count("key.rotated") == 1


def test_a_rotation_never_lengthens_a_keys_life(office: Office) -> None:
    made = office.sign_up()
    first = rotate(office, made, made.keys[1].details.id, minutes=0)
    office.clock.move(timedelta(minutes=1))
    with pytest.raises(Conflict):
        rotate(office, made, made.keys[1].details.id)
    rotate(office, made, first.details.id, minutes=10)
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
        rotate(office, other, made.keys[0].details.id)


def test_a_suspended_organisation_makes_nothing_new_but_can_be_cleaned(office: Office) -> None:
    made = office.sign_up()
    org = made.organisation.id
    guest = office.add(org, "guest", "viewer")
    office.control.document(paths.organisation(org)).update({"status": "suspended"})
    with pytest.raises(Forbidden):
        office.invite(org, by=made.owner.id, name="eva")
    with pytest.raises(Forbidden):
        rotate(office, made, made.keys[0].details.id)
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
