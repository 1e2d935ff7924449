"""The audit log in the control plane: entries are created, never changed."""

from __future__ import annotations

from collections.abc import Sequence

from google.api_core.exceptions import AlreadyExists
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from shared.domain.audit import Action, AuditEntry
from shared.gcp import paths
from shared.gcp.documents import from_document, to_document


class AuditStore:
    def __init__(self, control: firestore.Client) -> None:
        self._control = control

    def list(
        self,
        organisation_id: str,
        *,
        limit: int,
        before: str | None,
        action: Action | None = None,
        actor_id: str | None = None,
        first_id: str | None = None,
    ) -> list[AuditEntry]:
        """Newest first: ids from `first_id` on, and below `before`."""
        query = self._control.collection(paths.audit(organisation_id)).order_by(
            "id", direction=firestore.Query.DESCENDING
        )
        if action is not None:
            query = query.where(filter=FieldFilter("action", "==", action))
        if actor_id is not None:
            query = query.where(filter=FieldFilter("actor.id", "==", actor_id))
        if first_id is not None:
            query = query.where(filter=FieldFilter("id", ">=", first_id))
        if before is not None:
            query = query.where(filter=FieldFilter("id", "<", before))
        return [from_document(snapshot.to_dict(), AuditEntry) for snapshot in query.limit(limit).stream()]

    def record(self, entry: AuditEntry) -> None:
        """Repeatable: an entry that is there stays as it is."""
        reference = self._control.document(paths.audit_entry(entry.organisation_id, entry.id))
        try:
            reference.create(to_document(entry))
        except AlreadyExists:
            return


def add_entries(
    batch: firestore.WriteBatch, control: firestore.Client, entries: Sequence[AuditEntry]
) -> None:
    for entry in entries:
        batch.create(control.document(paths.audit_entry(entry.organisation_id, entry.id)), to_document(entry))
