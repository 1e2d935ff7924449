"""A user makes an organisation: they are its first owner, and it has a key for each environment."""

from __future__ import annotations

import msgspec

from shared.domain.api_keys import KeyDetails, hash_key, key_from, shown_prefix
from shared.domain.audit import Origin, audit_entry
from shared.domain.effects import Effect
from shared.domain.key_format import Environment
from shared.domain.organisations import Organisation, require_name
from shared.domain.users import Identity, User, require_room
from shared.use_cases.control_plane import NewKey, NewMember, Organisations, until_it_holds

_ENVIRONMENTS: tuple[Environment, ...] = ("live", "sandbox")
FIRST_LABEL = "first"


class IssuedKey(msgspec.Struct, frozen=True, kw_only=True):
    details: KeyDetails
    secret: str

    def __repr__(self) -> str:
        return f"IssuedKey({self.details.id!r})"


class SignedUp(msgspec.Struct, frozen=True, kw_only=True):
    organisation: Organisation
    owner: User
    keys: tuple[IssuedKey, ...]


def sign_up(
    name: str,
    *,
    identity: Identity,
    effect: Effect,
    secrets_key: bytes,
    origin: Origin,
    organisations: Organisations,
) -> SignedUp:
    """Done again with the same effect, it makes nothing new and answers the same. Raises Invalid("name"), Conflict."""
    organisation = Organisation(
        id=effect.new_id("org"), name=require_name(name), tier="free", created_at=effect.at
    )
    owner = User(
        id=identity.user_id,
        email=identity.email,
        role="owner",
        joined_at=effect.at,
        subject=identity.subject,
    )
    issued = tuple(
        issue_key(environment, FIRST_LABEL, created_by=owner.id, effect=effect, secrets_key=secrets_key)
        for environment in _ENVIRONMENTS
    )
    entries = [
        audit_entry(
            "organisation.created",
            organisation_id=organisation.id,
            target_id=organisation.id,
            origin=origin,
            at=effect.at,
        ),
        *(
            audit_entry(
                "key.created",
                organisation_id=organisation.id,
                target_id=key.details.id,
                origin=origin,
                at=effect.at,
                details={"environment": key.details.environment},
            )
            for key in issued
        ),
    ]

    def attempt() -> None:
        memberships = organisations.memberships(owner.id)
        if organisation.id in memberships.organisation_ids:
            return  # an earlier try of the same request has come this far
        require_room(memberships.organisation_ids, organisation.id)
        organisations.found(
            organisation,
            owner=NewMember(user=owner, memberships=memberships),
            keys=[NewKey(details=key.details, key_hash=hash_key(key.secret)) for key in issued],
            entries=entries,
        )

    until_it_holds(attempt)
    return SignedUp(organisation=organisation, owner=owner, keys=issued)


def issue_key(
    environment: Environment, label: str, *, created_by: str, effect: Effect, secrets_key: bytes
) -> IssuedKey:
    key_id = effect.new_id("key", environment)
    secret = key_from(environment, entropy=effect.entropy(key_id, key=secrets_key))
    return IssuedKey(
        details=KeyDetails(
            id=key_id,
            environment=environment,
            label=label,
            prefix=shown_prefix(secret),
            created_by=created_by,
            created_at=effect.at,
        ),
        secret=secret,
    )
