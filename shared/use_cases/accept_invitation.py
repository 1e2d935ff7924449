"""Someone who was invited joins: signed in with the very address that the invitation is for, once, in time."""

from __future__ import annotations

import msgspec

from shared.domain.audit import Origin, audit_entry
from shared.domain.clock import Clock
from shared.domain.errors import Conflict, Forbidden, NotFound
from shared.domain.invitations import hash_token, is_invitation_token
from shared.domain.organisations import Organisation, require_active
from shared.domain.users import Identity, User, join, normal_email, require_may_grant, require_room
from shared.use_cases.control_plane import Invitations, NewMember, Organisations, until_it_holds


class Joined(msgspec.Struct, frozen=True, kw_only=True):
    organisation: Organisation
    user: User


def accept_invitation(
    token: str,
    *,
    identity: Identity,
    origin: Origin,
    organisations: Organisations,
    invitations: Invitations,
    clock: Clock,
) -> Joined:
    """Repeatable by the one who accepted. Raises NotFound for a token that opens nothing, Forbidden for another
    address, and Conflict for an invitation that no longer counts."""

    def attempt() -> Joined:
        now = clock.now()
        found = invitations.find_by_hash(hash_token(token)) if is_invitation_token(token) else None
        if found is None:
            raise NotFound("There is no such invitation.")
        invitation = found.invitation
        if invitation.email != normal_email(identity.email):
            raise Forbidden("This invitation is for another e-mail address than the one you signed in with.")
        stored = organisations.roster(invitation.organisation_id)
        if stored is None:
            raise NotFound("There is no such invitation.")
        is_here = identity.user_id in stored.roster.users
        if is_here and invitation.is_open(at=now):
            # The roster is younger than the invitation: they may have joined by this very one in between.
            found = invitations.find(invitation.organisation_id, invitation.id) or found
            invitation = found.invitation
        if is_here and invitation.accepted_by == identity.user_id:
            return Joined(organisation=stored.roster.organisation, user=stored.roster.users[identity.user_id])
        if not invitation.is_open(at=now):
            raise Conflict("This invitation was used, was withdrawn or has expired. Ask for a new one.")
        require_active(stored.roster.organisation)
        try:
            require_may_grant(
                stored.roster, by=invitation.invited_by, role=invitation.role, permission="users.invite"
            )
        except (NotFound, Forbidden):
            raise Conflict("Whoever invited you may no longer do so. Ask for a new invitation.") from None
        memberships = organisations.memberships(identity.user_id)
        require_room(memberships.organisation_ids, invitation.organisation_id)
        user = join(
            stored.roster,
            User(
                id=identity.user_id,
                email=normal_email(identity.email),
                role=invitation.role,
                joined_at=now,
                invited_by=invitation.invited_by,
                subject=identity.subject,
            ),
        )
        invitations.accept(
            msgspec.structs.replace(invitation, status="accepted", accepted_by=user.id),
            replacing=found,
            member=NewMember(user=user, memberships=memberships),
            roster=stored,
            entries=[
                audit_entry(
                    "user.joined",
                    organisation_id=invitation.organisation_id,
                    target_id=user.id,
                    origin=origin,
                    at=now,
                    details={"role": user.role, "invitationId": invitation.id},
                )
            ],
        )
        return Joined(organisation=stored.roster.organisation, user=user)

    return until_it_holds(attempt)
