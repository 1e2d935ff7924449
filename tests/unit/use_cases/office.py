"""An office of the control plane: its stores on a local Firestore, and its use cases with the plain parts filled in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from google.cloud.firestore import Client

from shared.domain.audit import Actor, Origin
from shared.domain.effects import Effect, new_effect
from shared.domain.roles import Role
from shared.domain.users import Identity, User, user_id_of
from shared.gcp.audit_store import AuditStore
from shared.gcp.invitation_store import InvitationStore
from shared.gcp.key_store import KeyStore
from shared.gcp.organisation_store import OrganisationStore, add_user
from shared.gcp.roster_fence import fence
from shared.http.sealing import Sealer
from shared.use_cases.accept_invitation import accept_invitation
from shared.use_cases.change_user_role import change_user_role
from shared.use_cases.control_plane import NewMember, StoredRoster
from shared.use_cases.create_key import create_key
from shared.use_cases.invite_user import IssuedInvitation, invite_user
from shared.use_cases.remove_user import remove_user
from shared.use_cases.rotate_key import rotate_key
from shared.use_cases.sign_up import IssuedKey, SignedUp, sign_up
from tests.fakes.clock import FakeClock
from tests.localcloud.firestore.conftest import connect

SECRETS_KEY = b"s" * 32
ORIGIN = Origin(actor=Actor(kind="user", id="usr_x"), ip_address="192.0.2.1", request_id="req_x")


def identity(name: str) -> Identity:
    return Identity(user_id=user_id_of(issuer="test", subject=name), subject=name, email=f"{name}@bilko.io")


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
        member = NewMember(user=user, memberships=self.organisations.memberships(user.id))
        add_user(batch, self.control, organisation_id, member)
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

    def accept(self, token: str, name: str, **stores: Any) -> User:
        return accept_invitation(
            token,
            identity=identity(name),
            origin=ORIGIN,
            organisations=stores.get("organisations", self.organisations),
            invitations=stores.get("invitations", self.invitations),
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

    def create_key(
        self, organisation_id: str, *, by: str, effect: Effect | None = None, **stores: Any
    ) -> IssuedKey:
        return create_key(
            organisation_id,
            by=by,
            environment="live",
            label="CI",
            expires_at=None,
            effect=effect or self.effect(),
            secrets_key=SECRETS_KEY,
            origin=ORIGIN,
            organisations=stores.get("organisations", self.organisations),
            keys=self.keys,
        )

    def rotate(
        self,
        made: SignedUp,
        key_id: str,
        *,
        by: str | None = None,
        effect: Effect | None = None,
        minutes: int = 60,
        **stores: Any,
    ) -> IssuedKey:
        return rotate_key(
            made.organisation.id,
            key_id,
            by=by or made.owner.id,
            overlap=timedelta(minutes=minutes),
            expires_at=None,
            effect=effect or self.effect(),
            secrets_key=SECRETS_KEY,
            origin=ORIGIN,
            organisations=stores.get("organisations", self.organisations),
            keys=self.keys,
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
