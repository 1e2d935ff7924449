"""API keys as their organisation sees them, and beside each the entry that requests find it by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from shared.domain.api_keys import KeyDetails
from shared.domain.audit import AuditEntry
from shared.gcp import paths
from shared.gcp.audit_store import add_entries
from shared.gcp.documents import from_document, stale_write_on_conflict, to_document
from shared.gcp.roster_fence import fence
from shared.use_cases.control_plane import NewKey, StoredKey, StoredRoster


class KeyStore:
    def __init__(self, control: firestore.Client) -> None:
        self._control = control

    def list(self, organisation_id: str, *, limit: int, before: str | None) -> list[KeyDetails]:
        collection = self._control.collection(paths.api_keys(organisation_id))
        query = collection.order_by("id", direction=firestore.Query.DESCENDING).limit(limit)
        if before is not None:
            query = query.start_after({"id": before})
        return [from_document(snapshot.to_dict(), KeyDetails) for snapshot in query.stream()]

    def find(self, organisation_id: str, key_id: str) -> StoredKey | None:
        snapshot = self._control.document(paths.api_key(organisation_id, key_id)).get()
        if not snapshot.exists:
            return None
        return StoredKey(details=from_document(snapshot.to_dict(), KeyDetails), version=snapshot.update_time)

    def create(self, key: NewKey, *, roster: StoredRoster, entries: Sequence[AuditEntry]) -> None:
        organisation = roster.roster.organisation
        batch = self._control.batch()
        fence(batch, self._control, roster, organisation)
        add_key(batch, self._control, organisation.id, key)
        add_entries(batch, self._control, entries)
        with stale_write_on_conflict():
            batch.commit()

    def replace(
        self,
        organisation_id: str,
        key: KeyDetails,
        *,
        replacing: StoredKey,
        successor: NewKey | None = None,
        roster: StoredRoster | None = None,
        entries: Sequence[AuditEntry],
    ) -> None:
        batch = self._control.batch()
        if roster is not None:
            fence(batch, self._control, roster, roster.roster.organisation)
        batch.update(
            self._control.document(paths.api_key(organisation_id, key.id)),
            to_document(key),
            option=self._control.write_option(last_update_time=replacing.version),
        )
        for snapshot in self._looked_up(key.id):
            batch.update(
                snapshot.reference, {"revoked": key.revoked_at is not None, "expiresAt": key.expires_at}
            )
        if successor is not None:
            add_key(batch, self._control, organisation_id, successor)
        add_entries(batch, self._control, entries)
        with stale_write_on_conflict():
            batch.commit()

    def record_use(self, organisation_id: str, key_id: str, *, on: date) -> None:
        """The day of a key's last use, for its owners and for the instances that would record it again."""
        reference = self._control.document(paths.api_key(organisation_id, key_id))
        snapshot = reference.get(["lastUsedOn"])
        if not snapshot.exists or (snapshot.get("lastUsedOn") or "") >= on.isoformat():
            return
        batch = self._control.batch()
        batch.update(
            reference,
            {"lastUsedOn": on.isoformat()},
            option=self._control.write_option(last_update_time=snapshot.update_time),
        )
        for looked_up in self._looked_up(key_id):
            batch.update(looked_up.reference, {"lastUsedOn": on.isoformat()})
        with stale_write_on_conflict():
            batch.commit()

    def _looked_up(self, key_id: str) -> Sequence[Any]:
        """What requests find the key by. Its path is the key's hash, which is kept nowhere else."""
        found = self._control.collection(paths.api_key_hashes()).where(
            filter=FieldFilter("key", "==", key_id)
        )
        return [*found.stream()]


def add_key(
    batch: firestore.WriteBatch, control: firestore.Client, organisation_id: str, key: NewKey
) -> None:
    looked_up = key.looked_up(organisation_id)
    entry: dict[str, Any] = {
        "organisation": looked_up.organisation_id,
        "key": looked_up.id,
        "environment": looked_up.environment,
        "revoked": looked_up.revoked,
        "expiresAt": looked_up.expires_at,
        "lastUsedOn": None,
    }
    batch.create(control.document(paths.api_key(organisation_id, key.details.id)), to_document(key.details))
    batch.create(control.document(paths.api_key_hash(key.key_hash)), entry)
