"""An invitation that was not accepted is taken back."""

from __future__ import annotations

import msgspec

from shared.domain.audit import Origin, audit_entry
from shared.domain.clock import Clock
from shared.domain.errors import Conflict, NotFound
from shared.use_cases.control_plane import Invitations, until_it_holds


def withdraw_invitation(
    organisation_id: str, invitation_id: str, *, origin: Origin, invitations: Invitations, clock: Clock
) -> None:
    """Repeatable. Raises NotFound, and Conflict for one that was accepted."""

    def attempt() -> None:
        stored = invitations.find(organisation_id, invitation_id)
        if stored is None:
            raise NotFound("There is no such invitation.")
        if stored.invitation.status == "withdrawn":
            return
        if stored.invitation.status == "accepted":
            raise Conflict("This invitation was accepted. Remove the user instead.")
        invitations.withdraw(
            msgspec.structs.replace(stored.invitation, status="withdrawn"),
            replacing=stored,
            entries=[
                audit_entry(
                    "invitation.withdrawn",
                    organisation_id=organisation_id,
                    target_id=invitation_id,
                    origin=origin,
                    at=clock.now(),
                )
            ],
        )

    until_it_holds(attempt)
