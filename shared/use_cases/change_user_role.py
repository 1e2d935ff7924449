"""Give a user another role, within what the giver may give; the last owner stays one."""

from __future__ import annotations

from shared.domain.audit import Origin, audit_entry
from shared.domain.clock import Clock
from shared.domain.errors import NotFound
from shared.domain.organisations import require_active
from shared.domain.roles import Role
from shared.domain.users import User, change_role
from shared.use_cases.control_plane import Organisations, until_it_holds


def change_user_role(
    organisation_id: str,
    *,
    by: str,
    user_id: str,
    role: Role,
    origin: Origin,
    organisations: Organisations,
    clock: Clock,
) -> User:
    """Raises NotFound, Forbidden and Conflict."""

    def attempt() -> User:
        stored = organisations.roster(organisation_id)
        if stored is None:
            raise NotFound("There is no such organisation.")
        changed = change_role(stored.roster, by=by, user_id=user_id, role=role)
        require_active(stored.roster.organisation)
        before = stored.roster.users[user_id]
        if changed == before:
            return changed
        entry = audit_entry(
            "user.role_changed",
            organisation_id=organisation_id,
            target_id=user_id,
            origin=origin,
            at=clock.now(),
            details={"from": before.role, "to": role},
        )
        organisations.save_user(changed, replacing=stored, entries=[entry])
        return changed

    return until_it_holds(attempt)
