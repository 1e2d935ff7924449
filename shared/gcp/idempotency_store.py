"""Records of requests with an Idempotency-Key. Firestore's TTL removes them by `deleteAt`."""

from __future__ import annotations

from collections.abc import Callable

from google.api_core.exceptions import AlreadyExists
from google.cloud import firestore

from shared.domain.idempotency import IdempotencyRecord
from shared.gcp import paths
from shared.gcp.documents import from_document, stale_write_on_conflict, to_document


class IdempotencyStore:
    """Of organisations, or of users (`path=paths.membership_idempotency`) where there is no organisation yet."""

    def __init__(
        self, data: firestore.Client, *, path: Callable[[str, str], str] = paths.idempotency
    ) -> None:
        self._data = data
        self._path = path

    def create(self, organisation_id: str, record_hash: str, record: IdempotencyRecord) -> bool:
        try:
            self._reference(organisation_id, record_hash).create(to_document(record))
        except AlreadyExists:
            return False
        return True

    def find(self, organisation_id: str, record_hash: str) -> tuple[IdempotencyRecord, object] | None:
        snapshot = self._reference(organisation_id, record_hash).get()
        if not snapshot.exists:
            return None
        return from_document(snapshot.to_dict(), IdempotencyRecord), snapshot.update_time

    def replace(
        self, organisation_id: str, record_hash: str, record: IdempotencyRecord, *, version: object | None
    ) -> None:
        reference = self._reference(organisation_id, record_hash)
        if version is None:
            reference.set(to_document(record))
            return
        with stale_write_on_conflict():
            reference.update(to_document(record), option=self._data.write_option(last_update_time=version))

    def delete(self, organisation_id: str, record_hash: str) -> None:
        self._reference(organisation_id, record_hash).delete()

    def _reference(self, organisation_id: str, record_hash: str) -> firestore.DocumentReference:
        path = self._path(organisation_id, record_hash)
        return self._data.document(path)
