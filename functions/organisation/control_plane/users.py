"""GET /v1/organisation/users; PATCH, DELETE /v1/organisation/users/{userId}; DELETE /v1/organisation/membership"""

from __future__ import annotations

from datetime import datetime

import msgspec

from control_plane.wiring import api, clock, organisation_store, page_of
from shared.domain.errors import NotFound
from shared.domain.ids import is_id
from shared.domain.roles import Role
from shared.domain.users import User
from shared.http.call import Call, Reply, json_reply
from shared.use_cases.change_user_role import change_user_role
from shared.use_cases.remove_user import remove_user


class UserView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    email: str
    role: Role
    joined_at: datetime
    invited_by: str | None


class ChangeUserRole(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    role: Role


@api.user_operation("GET", "/v1/organisation/users", permission="users.read", takes_query=True)
def list_users(call: Call) -> Reply:
    return page_of(call, "users", organisation_store.list_users, id_of=lambda user: user.id, view=user_view)


@api.user_operation("PATCH", "/v1/organisation/users/<user_id>", permission="users.change_role")
def patch_user(call: Call) -> Reply:
    body = call.body(ChangeUserRole)
    changed = change_user_role(
        call.organisation_id,
        by=call.member.user_id,
        user_id=_user_id(call),
        role=body.role,
        origin=call.origin,
        organisations=organisation_store,
        clock=clock,
    )
    return json_reply(user_view(changed))


@api.user_operation("DELETE", "/v1/organisation/users/<user_id>", permission="users.remove")
def delete_user(call: Call) -> Reply:
    _remove(call, _user_id(call))
    return Reply(status=204)


@api.user_operation("DELETE", "/v1/organisation/membership", permission="users.leave")
def leave_organisation(call: Call) -> Reply:
    _remove(call, call.member.user_id)
    return Reply(status=204)


def _remove(call: Call, user_id: str) -> None:
    remove_user(
        call.organisation_id,
        by=call.member.user_id,
        user_id=user_id,
        origin=call.origin,
        organisations=organisation_store,
        clock=clock,
    )


def _user_id(call: Call) -> str:
    user_id = call.path["user_id"]
    if not is_id("usr", user_id):
        raise NotFound("There is no such user in this organisation.")
    return user_id


def user_view(user: User) -> UserView:
    return UserView(
        id=user.id, email=user.email, role=user.role, joined_at=user.joined_at, invited_by=user.invited_by
    )
