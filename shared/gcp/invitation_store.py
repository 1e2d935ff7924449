"""Invitations, found by the hash of their token, and the letters that wait to be sent.

Nothing here sends e-mail: no provider has been chosen. Whoever will send it reads `organisations/{org}/emails`,
opens `sealedToken` with the environment's key, and deletes the letter; Firestore's TTL removes those of
invitations that are over, by `deleteAt`.
"""

from __future__ import annotations

from collections.abc import Sequence

from google.cloud import firestore

from shared.domain.audit import AuditEntry
from shared.domain.errors import StaleWrite
from shared.domain.invitations import Invitation
from shared.gcp import paths
from shared.gcp.audit_store import add_entries
from shared.gcp.documents import from_document, stale_write_on_conflict, to_document
from shared.gcp.organisation_store import add_user
from shared.gcp.roster_fence import fence
from shared.use_cases.control_plane import Letter, NewMember, StoredInvitation, StoredRoster


class InvitationStore:
    def __init__(self, control: firestore.Client) -> None:
        self._control = control

    def list(self, organisation_id: str, *, limit: int, before: str | None) -> list[Invitation]:
        collection = self._control.collection(paths.invitations(organisation_id))
        query = collection.order_by("id", direction=firestore.Query.DESCENDING).limit(limit)
        if before is not None:
            query = query.start_after({"id": before})
        return [from_document(snapshot.to_dict(), Invitation) for snapshot in query.stream()]

    def find(self, organisation_id: str, invitation_id: str) -> StoredInvitation | None:
        snapshot = self._control.document(paths.invitation(organisation_id, invitation_id)).get()
        if not snapshot.exists:
            return None
        return StoredInvitation(
            invitation=from_document(snapshot.to_dict(), Invitation), version=snapshot.update_time
        )

    def find_by_hash(self, token_hash: str) -> StoredInvitation | None:
        snapshot = self._control.document(paths.invitation_hash(token_hash)).get()
        if not snapshot.exists:
            return None
        return self.find(snapshot.get("organisation"), snapshot.get("invitation"))

    def create(
        self, invitation: Invitation, *, token_hash: str, letter: Letter, entries: Sequence[AuditEntry]
    ) -> bool:
        batch = self._control.batch()
        batch.create(
            self._control.document(paths.invitation(invitation.organisation_id, invitation.id)),
            to_document(invitation),
        )
        batch.create(
            self._control.document(paths.invitation_hash(token_hash)),
            {
                "organisation": invitation.organisation_id,
                "invitation": invitation.id,
                "deleteAt": invitation.expires_at,
            },
        )
        batch.create(
            self._control.document(paths.email(invitation.organisation_id, letter.id)), to_document(letter)
        )
        add_entries(batch, self._control, entries)
        try:
            with stale_write_on_conflict():
                batch.commit()
        except StaleWrite:
            return False
        return True

    def withdraw(
        self, invitation: Invitation, *, replacing: StoredInvitation, entries: Sequence[AuditEntry]
    ) -> None:
        batch = self._control.batch()
        self._end(batch, invitation, replacing)
        add_entries(batch, self._control, entries)
        with stale_write_on_conflict():
            batch.commit()

    def accept(
        self,
        invitation: Invitation,
        *,
        replacing: StoredInvitation,
        member: NewMember,
        roster: StoredRoster,
        entries: Sequence[AuditEntry],
    ) -> None:
        batch = self._control.batch()
        self._end(batch, invitation, replacing)
        fence(batch, self._control, roster, roster.roster.organisation)
        add_user(batch, self._control, invitation.organisation_id, member)
        add_entries(batch, self._control, entries)
        with stale_write_on_conflict():
            batch.commit()

    def _end(self, batch: firestore.WriteBatch, invitation: Invitation, replacing: StoredInvitation) -> None:
        batch.update(
            self._control.document(paths.invitation(invitation.organisation_id, invitation.id)),
            to_document(invitation),
            option=self._control.write_option(last_update_time=replacing.version),
        )
        batch.delete(self._control.document(paths.email(invitation.organisation_id, invitation.id)))
