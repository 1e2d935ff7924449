"""A further API key, shown once."""

from __future__ import annotations

from datetime import datetime

import msgspec

from shared.domain.api_keys import KEYS_MAX, LIFETIME_MAX, hash_key
from shared.domain.audit import Origin, audit_entry
from shared.domain.effects import Effect
from shared.domain.errors import Conflict, Invalid, NotFound
from shared.domain.key_format import Environment
from shared.domain.organisations import require_active
from shared.use_cases.control_plane import Keys, NewKey, Organisations, until_it_holds
from shared.use_cases.sign_up import IssuedKey, issue_key


def create_key(
    organisation_id: str,
    *,
    by: str,
    environment: Environment,
    label: str,
    expires_at: datetime | None,
    effect: Effect,
    secrets_key: bytes,
    origin: Origin,
    organisations: Organisations,
    keys: Keys,
) -> IssuedKey:
    """Done again with the same effect, it is the same key. Raises Invalid("expiresAt"), Forbidden, Conflict."""
    require_expiry(expires_at, at=effect.at)
    issued = issue_key(environment, label, created_by=by, effect=effect, secrets_key=secrets_key)
    issued = msgspec.structs.replace(
        issued, details=msgspec.structs.replace(issued.details, expires_at=expires_at)
    )

    def attempt() -> IssuedKey:
        stored = organisations.roster(organisation_id)
        if stored is None:
            raise NotFound("There is no such organisation.")
        stored.roster.require(by, "keys.create")
        require_active(stored.roster.organisation)
        known = keys.list(organisation_id, limit=KEYS_MAX * 10, before=None)
        if any(key.id == issued.details.id for key in known):
            return issued  # an earlier try of the same request had come this far
        if sum(key.is_usable(at=effect.at) for key in known) >= KEYS_MAX:
            raise Conflict(
                f"An organisation has at most {KEYS_MAX} usable keys. Revoke those that nothing uses."
            )
        keys.create(
            NewKey(details=issued.details, key_hash=hash_key(issued.secret)),
            roster=stored,
            entries=[
                audit_entry(
                    "key.created",
                    organisation_id=organisation_id,
                    target_id=issued.details.id,
                    origin=origin,
                    at=effect.at,
                    details={"environment": environment},
                )
            ],
        )
        return issued

    return until_it_holds(attempt)


def require_expiry(expires_at: datetime | None, *, at: datetime) -> None:
    """Raises Invalid("expiresAt")."""
    if expires_at is not None and not at < expires_at <= at + LIFETIME_MAX:
        raise Invalid("expiresAt", f"is in the future, and within {LIFETIME_MAX.days // 365} years")
