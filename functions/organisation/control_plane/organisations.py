"""POST, GET /v1/organisations; GET, PATCH /v1/organisation"""

from __future__ import annotations

from datetime import datetime

import msgspec

from control_plane.keys import IssuedKeyView, issued_key_view
from control_plane.wiring import api, clock, once_for_user, organisation_store, secrets_key
from shared.domain.effects import Effect
from shared.domain.errors import NotFound
from shared.domain.organisations import Organisation
from shared.domain.roles import Role
from shared.http.call import Call, Reply, json_reply
from shared.http.paging import ListReply
from shared.use_cases.sign_up import sign_up
from shared.use_cases.update_organisation import update_organisation


class OrganisationView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    name: str
    tier: str
    status: str
    callback_origins: tuple[str, ...]
    created_at: datetime | None
    role: Role
    """The caller's own."""


class CreatedOrganisationView(OrganisationView, frozen=True, kw_only=True, rename="camel"):
    keys: tuple[IssuedKeyView, ...]


class CreateOrganisation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str


class UpdateOrganisation(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    name: str | msgspec.UnsetType = msgspec.UNSET
    callback_origins: list[str] | msgspec.UnsetType = msgspec.UNSET


@api.user_operation("POST", "/v1/organisations", permission=None)
def create_organisation(call: Call) -> Reply:
    body = call.body(CreateOrganisation)

    def effect(effect: Effect) -> Reply:
        made = sign_up(
            body.name,
            identity=call.identity,
            effect=effect,
            secrets_key=secrets_key,
            origin=call.origin,
            organisations=organisation_store,
        )
        keys = tuple(issued_key_view(key) for key in made.keys)
        return json_reply(
            CreatedOrganisationView(
                **msgspec.structs.asdict(organisation_view(made.organisation, role="owner")), keys=keys
            ),
            status=201,
            headers=(("Location", "/v1/organisation"),),
        )

    return once_for_user(call, "create_organisation", effect)


@api.user_operation("GET", "/v1/organisations", permission=None)
def list_organisations(call: Call) -> Reply:
    """Those that the user belongs to. There are 20 at most, so the list comes whole."""
    views = []
    for organisation_id in organisation_store.organisations_of(call.identity.user_id):
        organisation = organisation_store.find(organisation_id)
        user = organisation_store.find_user(organisation_id, call.identity.user_id)
        if organisation is not None and user is not None:
            views.append(organisation_view(organisation, role=user.role))
    return json_reply(ListReply(data=views, next_cursor=None))


@api.user_operation("GET", "/v1/organisation", permission="organisation.read")
def get_organisation(call: Call) -> Reply:
    organisation = organisation_store.find(call.organisation_id)
    if organisation is None:
        raise NotFound("There is no such organisation.")
    return json_reply(organisation_view(organisation, role=call.member.role))


@api.user_operation("PATCH", "/v1/organisation", permission="organisation.update")
def patch_organisation(call: Call) -> Reply:
    body = call.body(UpdateOrganisation)
    organisation = update_organisation(
        call.organisation_id,
        by=call.member.user_id,
        name=None if body.name is msgspec.UNSET else body.name,
        callback_origins=None if body.callback_origins is msgspec.UNSET else body.callback_origins,
        origin=call.origin,
        organisations=organisation_store,
        clock=clock,
    )
    return json_reply(organisation_view(organisation, role=call.member.role))


def organisation_view(organisation: Organisation, *, role: Role) -> OrganisationView:
    return OrganisationView(
        id=organisation.id,
        name=organisation.name,
        tier=organisation.tier,
        status=organisation.status,
        callback_origins=organisation.callback_origins,
        created_at=organisation.created_at,
        role=role,
    )
