"""An organisation's name, and the origins that its PSUs may be sent back to."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from shared.domain.audit import Origin, audit_entry
from shared.domain.callback_urls import require_origin
from shared.domain.clock import Clock
from shared.domain.errors import Invalid, NotFound
from shared.domain.organisations import Organisation, require_active, require_name
from shared.use_cases.control_plane import Organisations, until_it_holds

CALLBACK_ORIGINS_MAX = 50


def update_organisation(
    organisation_id: str,
    *,
    by: str,
    name: str | None,
    callback_origins: Sequence[str] | None,
    origin: Origin,
    organisations: Organisations,
    clock: Clock,
) -> Organisation:
    """None leaves a field as it is. Raises Invalid, Forbidden."""
    changes: dict[str, object] = {}
    if name is not None:
        changes["name"] = require_name(name)
    if callback_origins is not None:
        if len(callback_origins) > CALLBACK_ORIGINS_MAX:
            raise Invalid("callbackOrigins", f"holds at most {CALLBACK_ORIGINS_MAX} origins")
        normal = (require_origin(each, field="callbackOrigins") for each in callback_origins)
        changes["callback_origins"] = tuple(dict.fromkeys(normal))

    def attempt() -> Organisation:
        stored = organisations.roster(organisation_id)
        if stored is None:
            raise NotFound("There is no such organisation.")
        stored.roster.require(by, "organisation.update")
        before = stored.roster.organisation
        require_active(before)
        after = msgspec.structs.replace(before, **changes)
        if after == before:
            return before
        changed = [name for name in changes if getattr(before, name) != getattr(after, name)]
        entry = audit_entry(
            "organisation.updated",
            organisation_id=organisation_id,
            target_id=organisation_id,
            origin=origin,
            at=clock.now(),
            details={"fields": " ".join(_SHOWN[name] for name in changed)},
        )
        return organisations.save(after, replacing=stored, entries=[entry])

    return until_it_holds(attempt)


_SHOWN = {"name": "name", "callback_origins": "callbackOrigins"}
