"""A new key for an old one; both are valid for a chosen time, so that no client stands still in between."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from shared.domain.api_keys import hash_key
from shared.domain.audit import Origin, audit_entry
from shared.domain.effects import Effect
from shared.domain.errors import Conflict, NotFound
from shared.domain.organisations import require_active
from shared.use_cases.control_plane import Keys, NewKey, Organisations, until_it_holds
from shared.use_cases.create_key import require_expiry
from shared.use_cases.sign_up import IssuedKey, issue_key


def rotate_key(
    organisation_id: str,
    key_id: str,
    *,
    by: str,
    overlap: timedelta,
    expires_at: datetime | None,
    effect: Effect,
    secrets_key: bytes,
    origin: Origin,
    organisations: Organisations,
    keys: Keys,
) -> IssuedKey:
    """The new key. Done again with the same effect, it is the same one.

    Raises NotFound, Invalid("expiresAt"), Forbidden, and Conflict for a key that has ended or was replaced before.
    """
    require_expiry(expires_at, at=effect.at)

    def attempt() -> IssuedKey:
        stored = organisations.roster(organisation_id)
        old = keys.find(organisation_id, key_id)
        if stored is None or old is None:
            raise NotFound("There is no such key.")
        stored.roster.require(by, "keys.rotate")
        require_active(stored.roster.organisation)
        issued = issue_key(
            old.details.environment, old.details.label, created_by=by, effect=effect, secrets_key=secrets_key
        )
        issued = msgspec.structs.replace(
            issued, details=msgspec.structs.replace(issued.details, expires_at=expires_at)
        )
        if old.details.replaced_by == issued.details.id:
            return issued
        if old.details.replaced_by is not None or not old.details.is_usable(at=effect.at):
            raise Conflict("This key has ended or was replaced before. Create a new one.")
        ends_at = effect.at + overlap
        if old.details.expires_at is not None:
            ends_at = min(ends_at, old.details.expires_at)
        keys.replace(
            organisation_id,
            msgspec.structs.replace(old.details, expires_at=ends_at, replaced_by=issued.details.id),
            replacing=old,
            successor=NewKey(details=issued.details, key_hash=hash_key(issued.secret)),
            roster=stored,
            entries=[
                audit_entry(
                    "key.rotated",
                    organisation_id=organisation_id,
                    target_id=key_id,
                    origin=origin,
                    at=effect.at,
                    details={
                        "environment": old.details.environment,
                        "replacedBy": issued.details.id,
                        "overlapSeconds": str(int(overlap.total_seconds())),
                    },
                )
            ],
        )
        return issued

    return until_it_holds(attempt)
