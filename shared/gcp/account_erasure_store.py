"""Erasing one account's documents, and the record that it was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from shared.domain.audit import AuditEntry
from shared.domain.clock import Clock
from shared.domain.consents import Consent
from shared.domain.erasures import AccountErasure
from shared.gcp import paths
from shared.gcp.documents import from_document, to_document
from shared.gcp.purge import purge_below
from shared.gcp.raw_firestore import RawFirestore
from shared.gcp.relay_store import add_to_outbox
from shared.use_cases.ports import StoredConsent


class AccountErasureStore:
    def __init__(self, data: firestore.Client, raw: RawFirestore) -> None:
        self._data = data
        self._raw = raw

    def find(self, organisation_id: str, account_id: str) -> AccountErasure | None:
        snapshot = self._data.document(paths.account_erasure(organisation_id, account_id)).get()
        return from_document(snapshot.to_dict(), AccountErasure) if snapshot.exists else None

    def begin(self, organisation_id: str, erasure: AccountErasure, *, entry: AuditEntry) -> None:
        self._record(organisation_id, erasure, entry)

    def open(self) -> Iterator[tuple[str, AccountErasure]]:
        """Every organisation's erasures that have not ended, with the organisation's id."""
        query = self._data.collection_group("erasures").where(filter=FieldFilter("erasedAt", "==", None))
        for snapshot in query.stream():
            organisation_id = snapshot.reference.parent.parent.id
            yield organisation_id, from_document(snapshot.to_dict(), AccountErasure)

    def consents_of_bank(self, organisation_id: str, bank_id: str) -> Iterator[StoredConsent]:
        collection = self._data.collection(paths.consents(organisation_id))
        for snapshot in collection.where(filter=FieldFilter("bankId", "==", bank_id)).stream():
            yield StoredConsent(
                consent=from_document(snapshot.to_dict(), Consent), version=snapshot.update_time
            )

    def hide(self, organisation_id: str, account_id: str) -> None:
        batch = self._data.batch()
        batch.delete(self._data.document(paths.account(organisation_id, account_id)))
        batch.delete(self._data.document(paths.head(organisation_id, account_id)))
        batch.commit()

    def purge(self, organisation_id: str, account_id: str, *, until: datetime, clock: Clock) -> bool:
        """Also False when the account is there again: a consent that came meanwhile has read it."""
        path = paths.account(organisation_id, account_id)
        gone = purge_below(path, data=self._data, raw=self._raw, until=until, clock=clock)
        return gone and not self._data.document(path).get(field_paths=["id"]).exists

    def finish(self, organisation_id: str, erasure: AccountErasure, *, entry: AuditEntry) -> None:
        self._record(organisation_id, erasure, entry)

    def _record(self, organisation_id: str, erasure: AccountErasure, entry: AuditEntry) -> None:
        batch = self._data.batch()
        path = paths.account_erasure(organisation_id, erasure.account_id)
        batch.set(self._data.document(path), to_document(erasure))
        add_to_outbox(batch, self._data, entry)
        batch.commit()
