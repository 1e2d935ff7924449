"""Consents, their append-only history, their tokens' ciphertext, and the status that their accounts show."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from shared.domain.accounts import AccountHead
from shared.domain.audit import Origin, consent_entry
from shared.domain.consents import Consent, ConsentHistoryEntry
from shared.domain.errors import StaleWrite
from shared.gcp import paths
from shared.gcp.commits import commit_fenced
from shared.gcp.documents import from_document, stale_write_on_conflict, to_document
from shared.gcp.page_documents import head_document
from shared.gcp.relay_store import add_to_outbox
from shared.use_cases.ports import DueConsent, SealedTokens, StoredConsent


class ConsentStore:
    """Each change of state is committed with its audit entry, which waits in the outbox (relay_store.py)."""

    def __init__(self, data: firestore.Client, *, origin: Origin | None = None) -> None:
        self._data = data
        self._origin = origin

    def on_behalf_of(self, origin: Origin) -> ConsentStore:
        """The same store, which tells the audit log that this one asked; without, it was found in the background."""
        return ConsentStore(self._data, origin=origin)

    def create(self, consent: Consent) -> None:
        batch = self._data.batch()
        batch.create(self._reference(consent), to_document(consent))
        batch.create(*self._history_entry(consent, at=consent.created_at))
        self._tell_audit(batch, consent, before=None, at=consent.created_at)
        try:
            with stale_write_on_conflict():
                batch.commit()
        except StaleWrite:
            return

    def find(self, organisation_id: str, consent_id: str) -> StoredConsent | None:
        snapshot = self._data.document(paths.consent(organisation_id, consent_id)).get()
        if not snapshot.exists:
            return None
        return StoredConsent(consent=from_document(snapshot.to_dict(), Consent), version=snapshot.update_time)

    def list(self, organisation_id: str, *, limit: int, before: str | None) -> list[Consent]:
        collection = self._data.collection(paths.consents(organisation_id))
        query = collection.order_by("id", direction=firestore.Query.DESCENDING).limit(limit)
        if before is not None:
            query = query.start_after({"id": before})
        return [from_document(snapshot.to_dict(), Consent) for snapshot in query.stream()]

    def save(
        self,
        consent: Consent,
        *,
        replacing: StoredConsent,
        tokens: SealedTokens | None = None,
        at: datetime,
    ) -> StoredConsent:
        batch = self._data.batch()
        batch.update(
            self._reference(consent),
            to_document(consent),
            option=self._data.write_option(last_update_time=replacing.version),
        )
        secret = self._data.document(paths.consent_tokens(consent.organisation_id, consent.id))
        if tokens is not None:
            batch.set(secret, to_document(tokens))
        elif consent.status in ("expired", "revoked", "error"):
            batch.delete(secret)
        if consent.status != replacing.consent.status:
            batch.create(*self._history_entry(consent, at=at))
            if consent.account_ids and consent.status != "active":
                self._end_accounts(batch, consent)
        if replacing.consent.progress is not None and consent.progress is None:
            for number in range(1, replacing.consent.progress.parts + 1):
                batch.delete(
                    self._data.document(paths.reading_part(consent.organisation_id, consent.id, number))
                )
        self._tell_audit(batch, consent, before=replacing.consent, at=at)
        times = commit_fenced(batch, reference=self._reference(consent), written=consent)
        return StoredConsent(consent=consent, version=times[0])

    def sealed_tokens(self, organisation_id: str, consent_id: str) -> SealedTokens | None:
        snapshot = self._data.document(paths.consent_tokens(organisation_id, consent_id)).get()
        return from_document(snapshot.to_dict(), SealedTokens) if snapshot.exists else None

    def due(self, *, at: datetime, page_size: int) -> Iterator[DueConsent]:
        query = (
            self._data.collection_group("consents")
            .where(filter=FieldFilter("nextSyncAt", "<=", at))
            .order_by("nextSyncAt")
            .order_by("__name__")
            .select(["organisationId", "id", "nextSyncAt"])
            .limit(page_size)
        )
        page = query
        while True:
            snapshots = list(page.stream())
            for snapshot in snapshots:
                fields: dict[str, Any] = snapshot.to_dict() or {}
                yield DueConsent(
                    organisation_id=fields["organisationId"],
                    consent_id=fields["id"],
                    next_sync_at=fields["nextSyncAt"],
                )
            if len(snapshots) < page_size:
                return
            page = query.start_after(snapshots[-1])

    def _reference(self, consent: Consent) -> firestore.DocumentReference:
        return self._data.document(paths.consent(consent.organisation_id, consent.id))

    def _tell_audit(
        self, batch: firestore.WriteBatch, consent: Consent, *, before: Consent | None, at: datetime
    ) -> None:
        entry = consent_entry(consent, before=before, origin=self._origin, at=at)
        if entry is not None:
            add_to_outbox(batch, self._data, entry)

    def _history_entry(
        self, consent: Consent, *, at: datetime
    ) -> tuple[firestore.DocumentReference, dict[str, Any]]:
        path = paths.consent_history(consent.organisation_id, consent.id, consent.revision)
        entry = ConsentHistoryEntry(
            revision=consent.revision, status=consent.status, at=at, fault=consent.fault
        )
        return self._data.document(path), to_document(entry)

    def _end_accounts(self, batch: firestore.WriteBatch, consent: Consent) -> None:
        """The accounts that still hang on this consent show its status; a newer consent keeps its own."""
        organisation_id = consent.organisation_id
        references = [
            self._data.document(paths.account(organisation_id, account_id))
            for account_id in consent.account_ids
        ]
        head = AccountHead(status=consent.status, expires_at=consent.expires_at)
        for snapshot in self._data.get_all(references, field_paths=["consentId"]):
            if not snapshot.exists or snapshot.get("consentId") != consent.id:
                continue
            batch.update(
                snapshot.reference,
                {"status": consent.status, "nextRefreshAt": None, "refresh.nextRefreshAt": None},
                option=self._data.write_option(last_update_time=snapshot.update_time),
            )
            batch.set(self._data.document(paths.head(organisation_id, snapshot.id)), head_document(head))
