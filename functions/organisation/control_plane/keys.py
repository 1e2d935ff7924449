"""GET, POST /v1/organisation/keys; POST /v1/organisation/keys/{keyId}/rotate; DELETE /v1/organisation/keys/{keyId}"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import msgspec

from control_plane.wiring import (
    api,
    clock,
    key_store,
    once_in_organisation,
    organisation_store,
    page_of,
    secrets_key,
)
from shared.domain.api_keys import LIFETIME_MAX, OVERLAP_DEFAULT, OVERLAP_MAX, KeyDetails
from shared.domain.effects import Effect
from shared.domain.errors import Invalid, NotFound
from shared.domain.ids import is_id
from shared.domain.key_format import Environment
from shared.domain.organisations import require_name
from shared.http.call import Call, Reply, json_reply
from shared.use_cases.create_key import create_key
from shared.use_cases.revoke_key import revoke_key
from shared.use_cases.rotate_key import rotate_key
from shared.use_cases.sign_up import IssuedKey

_Time = Annotated[datetime, msgspec.Meta(tz=True)]


class KeyView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    environment: Environment
    label: str
    prefix: str
    created_by: str | None
    created_at: datetime
    last_used_on: date | None
    expires_at: datetime | None
    revoked_at: datetime | None
    replaced_by: str | None


class IssuedKeyView(KeyView, frozen=True, kw_only=True, rename="camel"):
    key: str


class CreateKey(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    environment: Environment
    label: str
    expires_at: _Time | None = None


class RotateKey(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    overlap_seconds: int = int(OVERLAP_DEFAULT.total_seconds())
    expires_at: _Time | None = None


@api.user_operation("GET", "/v1/organisation/keys", permission="keys.read", takes_query=True)
def list_keys(call: Call) -> Reply:
    return page_of(call, "keys", key_store.list, id_of=lambda key: key.id, view=key_view)


@api.user_operation("POST", "/v1/organisation/keys", permission="keys.create")
def post_key(call: Call) -> Reply:
    body = call.body(CreateKey)
    label = require_name(body.label, field="label")

    def effect(effect: Effect) -> Reply:
        issued = create_key(
            call.organisation_id,
            by=call.member.user_id,
            environment=body.environment,
            label=label,
            expires_at=_expiry(body.expires_at),
            effect=effect,
            secrets_key=secrets_key,
            origin=call.origin,
            organisations=organisation_store,
            keys=key_store,
        )
        return _issued(issued)

    return once_in_organisation(call, "create_key", effect)


@api.user_operation("POST", "/v1/organisation/keys/<key_id>/rotate", permission="keys.rotate")
def post_key_rotation(call: Call) -> Reply:
    key_id = _key_id(call)
    body = call.body(RotateKey)
    if not 0 <= body.overlap_seconds <= OVERLAP_MAX.total_seconds():
        raise Invalid("overlapSeconds", f"is a number from 0 to {int(OVERLAP_MAX.total_seconds())}")

    def effect(effect: Effect) -> Reply:
        issued = rotate_key(
            call.organisation_id,
            key_id,
            by=call.member.user_id,
            overlap=timedelta(seconds=body.overlap_seconds),
            expires_at=_expiry(body.expires_at),
            effect=effect,
            secrets_key=secrets_key,
            origin=call.origin,
            organisations=organisation_store,
            keys=key_store,
        )
        return _issued(issued)

    return once_in_organisation(call, f"rotate_key {key_id}", effect)


@api.user_operation("DELETE", "/v1/organisation/keys/<key_id>", permission="keys.revoke")
def delete_key(call: Call) -> Reply:
    revoke_key(call.organisation_id, _key_id(call), origin=call.origin, keys=key_store, clock=clock)
    return Reply(status=204)


def key_view(key: KeyDetails) -> KeyView:
    return KeyView(**_shown(key))


def issued_key_view(issued: IssuedKey) -> IssuedKeyView:
    return IssuedKeyView(**_shown(issued.details), key=issued.secret)


def _shown(key: KeyDetails) -> dict[str, Any]:
    return msgspec.structs.asdict(key)


def _issued(issued: IssuedKey) -> Reply:
    return json_reply(issued_key_view(issued), status=201, headers=(("Location", "/v1/organisation/keys"),))


def _key_id(call: Call) -> str:
    key_id = call.path["key_id"]
    if not is_id("key", key_id):
        raise NotFound("There is no such key.")
    return key_id


def _expiry(given: datetime | None) -> datetime | None:
    """In UTC and whole milliseconds, as times are kept. Refused before it is converted: the calendar ends somewhere."""
    if given is None:
        return None
    if not clock.now() < given <= clock.now() + LIFETIME_MAX:
        raise Invalid("expiresAt", f"is in the future, and within {LIFETIME_MAX.days // 365} years")
    in_utc = given.astimezone(UTC)
    return in_utc.replace(microsecond=in_utc.microsecond // 1000 * 1000)
