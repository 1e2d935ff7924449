"""A new organisation with its pair of keys, made by an operator: it has no users. Clients sign up (sign_up.py)."""

from __future__ import annotations

from datetime import datetime

import msgspec

from shared.domain.api_keys import KeyDetails, generate_key, hash_key, shown_prefix
from shared.domain.audit import Actor, Origin, audit_entry
from shared.domain.clock import Clock, SystemClock
from shared.domain.ids import new_id
from shared.domain.key_format import Environment
from shared.domain.organisations import Organisation, Tier
from shared.use_cases.control_plane import NewKey, Organisations
from shared.use_cases.sign_up import FIRST_LABEL

_OPERATOR = Origin(actor=Actor(kind="operator"))


class CreatedOrganisation(msgspec.Struct, frozen=True, kw_only=True):
    organisation: Organisation
    live_key: str
    sandbox_key: str

    def __repr__(self) -> str:
        return f"CreatedOrganisation({self.organisation.id!r})"


def create_organisation(
    name: str, *, tier: Tier, organisations: Organisations, clock: Clock | None = None
) -> CreatedOrganisation:
    now = (clock or SystemClock()).now()
    organisation = Organisation(id=new_id("org"), name=name, tier=tier, created_at=now)
    keys: dict[Environment, str] = {"live": generate_key("live"), "sandbox": generate_key("sandbox")}
    organisations.found(
        organisation,
        owner=None,
        keys=[_key(environment, secret, at=now) for environment, secret in keys.items()],
        entries=[
            audit_entry(
                "organisation.created",
                organisation_id=organisation.id,
                target_id=organisation.id,
                origin=_OPERATOR,
                at=now,
            )
        ],
    )
    return CreatedOrganisation(organisation=organisation, live_key=keys["live"], sandbox_key=keys["sandbox"])


def _key(environment: Environment, secret: str, *, at: datetime) -> NewKey:
    details = KeyDetails(
        id=new_id("key"),
        environment=environment,
        label=FIRST_LABEL,
        prefix=shown_prefix(secret),
        created_by=None,
        created_at=at,
    )
    return NewKey(details=details, key_hash=hash_key(secret))
