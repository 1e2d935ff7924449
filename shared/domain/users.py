"""The people of an organisation, and the rules of changing who they are. Pure: a roster in, a changed user out."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Literal

import msgspec

from shared.domain.errors import Conflict, Forbidden, NotFound
from shared.domain.ids import derived_id
from shared.domain.organisations import Organisation
from shared.domain.roles import Permission, Role, is_at_least, may

USERS_MAX = 500
"""Of one organisation: its whole roster is read for each change."""
ORGANISATIONS_MAX = 20
"""Of one user."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed in. The e-mail address is one that the issuer has verified."""

    user_id: str
    subject: str
    """The issuer's own id of them."""
    email: str


class User(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A person in one organisation."""

    id: str
    email: str
    role: Role
    joined_at: datetime
    invited_by: str | None = None
    subject: str | None = None
    """The issuer's own id of them; None for those that are older than this field."""


class Roster(msgspec.Struct, frozen=True, kw_only=True):
    """An organisation and all its users at one moment."""

    organisation: Organisation
    users: dict[str, User]

    def require(self, user_id: str, permission: Permission) -> User:
        """The user, who may do this now. Raises NotFound for a stranger and Forbidden."""
        user = self.users.get(user_id)
        if user is None:
            raise NotFound("There is no such organisation.")
        require_permission(user.role, permission)
        return user

    def find(self, user_id: str) -> User:
        """Raises NotFound."""
        user = self.users.get(user_id)
        if user is None:
            raise NotFound("There is no such user in this organisation.")
        return user

    @property
    def owners(self) -> tuple[str, ...]:
        return tuple(user.id for user in self.users.values() if user.role == "owner")


def user_id_of(*, issuer: str, subject: str) -> str:
    """The same person has the same id in every organisation."""
    return derived_id("usr", issuer, subject)


def normal_email(email: str) -> str:
    return email.strip().lower()


def require_permission(role: Role, permission: Permission) -> None:
    if not may(role, permission):
        raise Forbidden(f"A {role} may not do this ({permission}).")


def change_role(roster: Roster, *, by: str, user_id: str, role: Role) -> User:
    """The user with their new role. Raises NotFound, Forbidden and, for the last owner, Conflict."""
    actor = roster.require(by, "users.change_role")
    user = roster.find(user_id)
    _require_reach(actor, user.role)
    _require_reach(actor, role)
    if user.role == "owner" and role != "owner":
        _require_another_owner(roster)
    return msgspec.structs.replace(user, role=role)


def remove(roster: Roster, *, by: str, user_id: str) -> User:
    """The user who is no longer one. Removing oneself is leaving."""
    actor = roster.require(by, "users.leave" if by == user_id else "users.remove")
    user = roster.find(user_id)
    _require_reach(actor, user.role)
    if user.role == "owner":
        _require_another_owner(roster)
    return user


def require_may_grant(roster: Roster, *, by: str, role: Role, permission: Permission) -> None:
    """For an invitation: made, and accepted, only while its maker could give that role."""
    _require_reach(roster.require(by, permission), role)


def require_room(organisation_ids: Collection[str], organisation_id: str) -> None:
    """For one more beside those that a person belongs to. Raises Conflict."""
    if organisation_id not in organisation_ids and len(organisation_ids) >= ORGANISATIONS_MAX:
        raise Conflict(f"You belong to {ORGANISATIONS_MAX} organisations, which is as many as there may be.")


def join(roster: Roster, user: User) -> User:
    """Raises Conflict for one who is here already, or when there are too many."""
    if user.id in roster.users:
        raise Conflict("You belong to this organisation already.")
    if len(roster.users) >= USERS_MAX:
        raise Conflict(f"An organisation has at most {USERS_MAX} users.")
    return user


def _require_reach(actor: User, role: Role) -> None:
    if not is_at_least(actor.role, role):
        raise Forbidden(f"A {actor.role} may not touch or make a user who is {_with_article(role)}.")


def _require_another_owner(roster: Roster) -> None:
    if len(roster.owners) < 2:
        raise Conflict("This is the organisation's last owner. Make someone else an owner first.")


def _with_article(role: Literal["owner", "admin", "developer", "viewer"]) -> str:
    return f"{'an' if role[0] in 'aeiou' else 'a'} {role}"
