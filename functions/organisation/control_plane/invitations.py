"""POST, GET /v1/organisation/invitations; DELETE …/invitations/{invitationId}; POST /v1/invitations/accept"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from control_plane.organisations import organisation_view
from control_plane.wiring import (
    api,
    clock,
    invitation_store,
    letter_sealer,
    once_for_user,
    once_in_organisation,
    organisation_store,
    page_of,
    secrets_key,
    settings,
    user_settings,
)
from shared.domain.effects import Effect
from shared.domain.errors import NotFound
from shared.domain.ids import is_id
from shared.domain.invitations import Invitation
from shared.domain.roles import Role
from shared.http.call import Call, Reply, json_reply
from shared.use_cases.accept_invitation import accept_invitation
from shared.use_cases.invite_user import invite_user
from shared.use_cases.withdraw_invitation import withdraw_invitation


class InvitationView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    email: str
    role: Role
    status: Literal["pending", "accepted", "withdrawn", "expired"]
    invited_by: str
    created_at: datetime
    expires_at: datetime


class IssuedInvitationView(InvitationView, frozen=True, kw_only=True, rename="camel"):
    token: str
    url: str


class InviteUser(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    email: Annotated[str, msgspec.Meta(max_length=254)]
    role: Role


class AcceptInvitation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    token: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


@api.user_operation("POST", "/v1/organisation/invitations", permission="users.invite")
def create_invitation(call: Call) -> Reply:
    body = call.body(InviteUser)

    def effect(effect: Effect) -> Reply:
        issued = invite_user(
            call.organisation_id,
            by=call.member.user_id,
            email=body.email,
            role=body.role,
            environment=settings.environment,
            effect=effect,
            secrets_key=secrets_key,
            origin=call.origin,
            organisations=organisation_store,
            invitations=invitation_store,
            sealer=letter_sealer,
        )
        shown = msgspec.structs.asdict(invitation_view(issued.invitation))
        url = f"{user_settings.portal_url}/invitations/accept#{issued.token}"
        return json_reply(
            IssuedInvitationView(**shown, token=issued.token, url=url),
            status=201,
            headers=(("Location", "/v1/organisation/invitations"),),
        )

    return once_in_organisation(call, "create_invitation", effect)


@api.user_operation("GET", "/v1/organisation/invitations", permission="users.invite", takes_query=True)
def list_invitations(call: Call) -> Reply:
    return page_of(
        call,
        "invitations",
        invitation_store.list,
        id_of=lambda invitation: invitation.id,
        view=invitation_view,
    )


@api.user_operation("DELETE", "/v1/organisation/invitations/<invitation_id>", permission="users.invite")
def delete_invitation(call: Call) -> Reply:
    invitation_id = call.path["invitation_id"]
    if not is_id("inv", invitation_id):
        raise NotFound("There is no such invitation.")
    withdraw_invitation(
        call.organisation_id, invitation_id, origin=call.origin, invitations=invitation_store, clock=clock
    )
    return Reply(status=204)


@api.user_operation("POST", "/v1/invitations/accept", permission=None)
def accept(call: Call) -> Reply:
    body = call.body(AcceptInvitation)

    def effect(_effect: Effect) -> Reply:
        joined = accept_invitation(
            body.token,
            identity=call.identity,
            origin=call.origin,
            organisations=organisation_store,
            invitations=invitation_store,
            clock=clock,
        )
        return json_reply(organisation_view(joined.organisation, role=joined.user.role))

    return once_for_user(call, "accept_invitation", effect)


def invitation_view(invitation: Invitation) -> InvitationView:
    is_over = invitation.status == "pending" and not invitation.is_open(at=clock.now())
    return InvitationView(
        id=invitation.id,
        email=invitation.email,
        role=invitation.role,
        status="expired" if is_over else invitation.status,
        invited_by=invitation.invited_by,
        created_at=invitation.created_at,
        expires_at=invitation.expires_at,
    )
