"""What waits in the data database for the control plane, which the functions that serve bank data may not write.

Entries of the audit log, committed with what they tell of, and the days on which keys were used. Each leaves
when it has arrived.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from google.api_core.exceptions import FailedPrecondition
from google.cloud import firestore

from shared.domain.audit import AuditEntry
from shared.gcp import paths
from shared.gcp.documents import from_document, to_document
from shared.use_cases.relay import KeyUse


class RelayStore:
    def __init__(self, data: firestore.Client) -> None:
        self._data = data

    def audit_entries(self, *, limit: int) -> list[AuditEntry]:
        """Of every organisation, oldest first."""
        query = self._data.collection_group("auditOutbox").order_by("id").limit(limit)
        return [from_document(snapshot.to_dict(), AuditEntry) for snapshot in query.stream()]

    def audit_entries_of(self, organisation_id: str, *, limit: int) -> list[AuditEntry]:
        query = self._data.collection(paths.audit_outbox(organisation_id)).order_by("id").limit(limit)
        return [from_document(snapshot.to_dict(), AuditEntry) for snapshot in query.stream()]

    def forget_audit_entry(self, entry: AuditEntry) -> None:
        self._data.document(paths.audit_outbox_entry(entry.organisation_id, entry.id)).delete()

    def key_uses(self, *, limit: int) -> Iterator[KeyUse]:
        for snapshot in self._data.collection_group("keyUse").order_by("keyId").limit(limit).stream():
            fields = snapshot.to_dict() or {}
            yield KeyUse(
                organisation_id=fields["organisationId"],
                key_id=fields["keyId"],
                on=date.fromisoformat(fields["lastUsedOn"]),
            )

    def forget_key_use(self, use: KeyUse) -> None:
        reference = self._data.document(paths.key_use(use.organisation_id, use.key_id))
        snapshot = reference.get()
        if not snapshot.exists or snapshot.get("lastUsedOn") != use.on.isoformat():
            return
        try:
            reference.delete(option=self._data.write_option(last_update_time=snapshot.update_time))
        except FailedPrecondition:
            return


def add_to_outbox(batch: firestore.WriteBatch, data: firestore.Client, entry: AuditEntry) -> None:
    path = paths.audit_outbox_entry(entry.organisation_id, entry.id)
    batch.set(data.document(path), to_document(entry))
