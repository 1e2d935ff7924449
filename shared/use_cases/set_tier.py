"""An operator puts an organisation into another tier. No client can."""

from __future__ import annotations

import msgspec

from shared.domain.audit import Origin, audit_entry
from shared.domain.clock import Clock
from shared.domain.errors import NotFound
from shared.domain.organisations import Organisation, Tier
from shared.use_cases.control_plane import Organisations, until_it_holds


def set_tier(
    organisation_id: str, tier: Tier, *, origin: Origin, organisations: Organisations, clock: Clock
) -> Organisation:
    """Raises NotFound."""

    def attempt() -> Organisation:
        stored = organisations.roster(organisation_id)
        if stored is None:
            raise NotFound("There is no such organisation.")
        before = stored.roster.organisation
        if before.tier == tier:
            return before
        return organisations.save(
            msgspec.structs.replace(before, tier=tier),
            replacing=stored,
            entries=[
                audit_entry(
                    "organisation.tier_changed",
                    organisation_id=organisation_id,
                    target_id=organisation_id,
                    origin=origin,
                    at=clock.now(),
                    details={"from": before.tier, "to": tier},
                )
            ],
        )

    return until_it_holds(attempt)
