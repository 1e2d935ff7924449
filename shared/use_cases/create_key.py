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
from shared.use_cases.control_plane import Keys, NewKey, Organisations
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
    stored = organisations.roster(organisation_id)
    if stored is None:
        raise NotFound("There is no such organisation.")
    stored.roster.require(by, "keys.create")
    require_active(stored.roster.organisation)
    issued = issue_key(environment, label, created_by=by, effect=effect, secrets_key=secrets_key)
    issued = msgspec.structs.replace(
        issued, details=msgspec.structs.replace(issued.details, expires_at=expires_at)
    )
    known = keys.list(organisation_id, limit=KEYS_MAX * 10, before=None)
    usable = [key for key in known if key.is_usable(at=effect.at) and key.id != issued.details.id]
    if len(usable) >= KEYS_MAX:
        raise Conflict(f"An organisation has at most {KEYS_MAX} usable keys. Revoke those that nothing uses.")
    keys.create(
        organisation_id,
        NewKey(details=issued.details, key_hash=hash_key(issued.secret)),
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


def require_expiry(expires_at: datetime | None, *, at: datetime) -> None:
    """Raises Invalid("expiresAt")."""
    if expires_at is not None and not at < expires_at <= at + LIFETIME_MAX:
        raise Invalid("expiresAt", f"is in the future, and within {LIFETIME_MAX.days // 365} years")
