"""A user is removed by another, or leaves; the last owner stays."""

from __future__ import annotations

from shared.domain.audit import Origin, audit_entry
from shared.domain.clock import Clock
from shared.domain.errors import NotFound
from shared.domain.users import remove
from shared.use_cases.control_plane import Organisations, until_it_holds


def remove_user(
    organisation_id: str,
    *,
    by: str,
    user_id: str,
    origin: Origin,
    organisations: Organisations,
    clock: Clock,
) -> None:
    """Raises NotFound, Forbidden and Conflict. Also in a suspended organisation: who must go may go."""

    def attempt() -> None:
        stored = organisations.roster(organisation_id)
        if stored is None:
            raise NotFound("There is no such organisation.")
        removed = remove(stored.roster, by=by, user_id=user_id)
        entry = audit_entry(
            "user.left" if by == user_id else "user.removed",
            organisation_id=organisation_id,
            target_id=user_id,
            origin=origin,
            at=clock.now(),
            details={"role": removed.role},
        )
        organisations.remove_user(removed, replacing=stored, entries=[entry])

    until_it_holds(attempt)
