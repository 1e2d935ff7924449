"""Invite someone by e-mail, in a role that the inviter may give."""

from __future__ import annotations

from typing import Protocol

import msgspec

from shared.domain.audit import Origin, audit_entry
from shared.domain.effects import Effect
from shared.domain.errors import Conflict, NotFound
from shared.domain.invitations import (
    INVITATION_LIFETIME,
    Invitation,
    hash_token,
    invitation_token,
    require_email,
)
from shared.domain.key_format import Environment
from shared.domain.organisations import require_active
from shared.domain.roles import Role
from shared.domain.users import require_may_grant
from shared.use_cases.control_plane import Invitations, Letter, Organisations

LETTER_KIND = "invitation"


class TokenSealer(Protocol):
    def seal(self, plaintext: bytes, *, context: str) -> bytes: ...


class IssuedInvitation(msgspec.Struct, frozen=True, kw_only=True):
    invitation: Invitation
    token: str

    def __repr__(self) -> str:
        return f"IssuedInvitation({self.invitation.id!r})"


def invite_user(
    organisation_id: str,
    *,
    by: str,
    email: str,
    role: Role,
    environment: Environment,
    effect: Effect,
    secrets_key: bytes,
    origin: Origin,
    organisations: Organisations,
    invitations: Invitations,
    sealer: TokenSealer,
) -> IssuedInvitation:
    """Done again with the same effect, it invites nobody twice. Raises Invalid("email"), Forbidden, Conflict."""
    address = require_email(email)
    stored = organisations.roster(organisation_id)
    if stored is None:
        raise NotFound("There is no such organisation.")
    require_may_grant(stored.roster, by=by, role=role, permission="users.invite")
    require_active(stored.roster.organisation)
    if any(user.email == address for user in stored.roster.users.values()):
        raise Conflict("A user with this address belongs to the organisation already.")
    invitation = Invitation(
        id=effect.new_id("inv"),
        organisation_id=organisation_id,
        email=address,
        role=role,
        invited_by=by,
        created_at=effect.at,
        expires_at=effect.at + INVITATION_LIFETIME,
    )
    token = invitation_token(effect.entropy(invitation.id, key=secrets_key))
    invitations.create(
        invitation,
        token_hash=hash_token(token),
        letter=Letter(
            id=invitation.id,
            environment=environment,
            kind=LETTER_KIND,
            to=address,
            sealed_token=sealer.seal(token.encode(), context=invitation.id),
            created_at=invitation.created_at,
            delete_at=invitation.expires_at,
        ),
        entries=[
            audit_entry(
                "user.invited",
                organisation_id=organisation_id,
                target_id=invitation.id,
                origin=origin,
                at=effect.at,
                details={"role": role},
            )
        ],
    )
    return IssuedInvitation(invitation=invitation, token=token)
