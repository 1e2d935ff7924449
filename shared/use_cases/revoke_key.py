"""A key ends now; every instance has noticed within 30 seconds."""

from __future__ import annotations

import msgspec

from shared.domain.audit import Origin, audit_entry
from shared.domain.clock import Clock
from shared.domain.errors import NotFound
from shared.use_cases.control_plane import Keys, until_it_holds


def revoke_key(organisation_id: str, key_id: str, *, origin: Origin, keys: Keys, clock: Clock) -> None:
    """Repeatable. Raises NotFound. Also in a suspended organisation: a stolen key must end."""

    def attempt() -> None:
        stored = keys.find(organisation_id, key_id)
        if stored is None:
            raise NotFound("There is no such key.")
        if stored.details.revoked_at is not None:
            return
        now = clock.now()
        keys.replace(
            organisation_id,
            msgspec.structs.replace(stored.details, revoked_at=now),
            replacing=stored,
            entries=[
                audit_entry(
                    "key.revoked",
                    organisation_id=organisation_id,
                    target_id=key_id,
                    origin=origin,
                    at=now,
                    details={"environment": stored.details.environment},
                )
            ],
        )

    until_it_holds(attempt)
