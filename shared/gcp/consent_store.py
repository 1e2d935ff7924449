"""Consents, their append-only history, their tokens' ciphertext, and the status that their accounts show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, cast

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from shared.domain.accounts import head_of
from shared.domain.audit import Origin, consent_entry
from shared.domain.consent_changes import what_happened
from shared.domain.consents import Consent, ConsentHistoryEntry, Happened
from shared.domain.errors import StaleWrite
from shared.gcp import paths
from shared.gcp.commits import MARK, commit_surely, new_mark
from shared.gcp.documents import from_document, stale_write_on_conflict, to_document
from shared.gcp.page_documents import head_document
from shared.gcp.relay_store import add_to_outbox
from shared.use_cases.ports import DueConsent, SealedTokens, StoredConsent, Version


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
        batch.create(*self._history_entry(consent, happened="created", at=consent.created_at))
        self._tell_audit(batch, consent, happened="created", at=consent.created_at)
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
        mark = new_mark()
        batch = self._data.batch()
        batch.update(
            self._reference(consent),
            {**to_document(consent), MARK: mark},
            option=self._data.write_option(last_update_time=replacing.version),
        )
        secret = self._data.document(paths.consent_tokens(consent.organisation_id, consent.id))
        if tokens is not None:
            batch.set(secret, to_document(tokens))
        elif consent.status in ("expired", "revoked", "error"):
            batch.delete(secret)
        before = replacing.consent
        if consent.revision != before.revision:
            happened = what_happened(before, consent)
            batch.create(*self._history_entry(consent, happened=happened, at=at))
            self._tell_audit(batch, consent, happened=happened, at=at)
        if consent.account_ids and head_of(consent) != head_of(before):
            self._tell_accounts(batch, consent)
        if before.progress is not None and consent.progress is None:
            for number in range(1, before.progress.parts + 1):
                batch.delete(
                    self._data.document(paths.reading_part(consent.organisation_id, consent.id, number))
                )
        version = commit_surely(
            lambda: batch.commit()[0].update_time, written=lambda: self._written(consent, mark=mark)
        )
        return StoredConsent(consent=consent, version=version)

    def history(
        self, organisation_id: str, consent_id: str, *, limit: int, before: int | None
    ) -> Sequence[ConsentHistoryEntry]:
        collection = self._data.collection(paths.consent_histories(organisation_id, consent_id))
        query = collection.order_by("revision", direction=firestore.Query.DESCENDING).limit(limit)
        if before is not None:
            query = query.start_after({"revision": before})
        return [from_document(snapshot.to_dict(), ConsentHistoryEntry) for snapshot in query.stream()]

    def sealed_tokens(self, organisation_id: str, consent_id: str) -> SealedTokens | None:
        snapshot = self._data.document(paths.consent_tokens(organisation_id, consent_id)).get()
        return from_document(snapshot.to_dict(), SealedTokens) if snapshot.exists else None

    def due(self, *, shard: int, at: datetime, page_size: int) -> Iterator[DueConsent]:
        query = (
            self._data.collection_group("consents")
            .where(filter=FieldFilter("shard", "==", shard))
            .where(filter=FieldFilter("dueAt", "<=", at))
            .order_by("dueAt")
            .order_by("__name__")
            .select(["organisationId", "id", "dueAt"])
            .limit(page_size)
        )
        page = query
        while True:
            snapshots = list(page.stream())
            for snapshot in snapshots:
                fields: dict[str, Any] = snapshot.to_dict() or {}
                yield DueConsent(
                    organisation_id=fields["organisationId"], consent_id=fields["id"], due_at=fields["dueAt"]
                )
            if len(snapshots) < page_size:
                return
            page = query.start_after(snapshots[-1])

    def _reference(self, consent: Consent) -> firestore.DocumentReference:
        return self._data.document(paths.consent(consent.organisation_id, consent.id))

    def _written(self, consent: Consent, *, mark: str) -> Version | None:
        """The document's version, when it is exactly what the write with this mark made of it."""
        snapshot = self._reference(consent).get()
        fields = snapshot.to_dict() or {}
        if fields.get(MARK) != mark or from_document(fields, Consent) != consent:
            return None
        return cast(Version, snapshot.update_time)

    def _tell_audit(
        self, batch: firestore.WriteBatch, consent: Consent, *, happened: Happened, at: datetime
    ) -> None:
        add_to_outbox(
            batch, self._data, consent_entry(consent, happened=happened, origin=self._origin, at=at)
        )

    def _history_entry(
        self, consent: Consent, *, happened: Happened, at: datetime
    ) -> tuple[firestore.DocumentReference, dict[str, Any]]:
        path = paths.consent_history(consent.organisation_id, consent.id, consent.revision)
        renewal_fault = consent.renewal.fault if consent.renewal else None
        entry = ConsentHistoryEntry(
            revision=consent.revision,
            happened=happened,
            status=consent.status,
            at=at,
            fault=renewal_fault if happened == "renewal_failed" else consent.fault,
        )
        return self._data.document(path), to_document(entry)

    def _tell_accounts(self, batch: firestore.WriteBatch, consent: Consent) -> None:
        """The accounts that still hang on this consent show its status; a newer consent keeps its own."""
        organisation_id = consent.organisation_id
        references = [
            self._data.document(paths.account(organisation_id, account_id))
            for account_id in consent.account_ids
        ]
        head = head_of(consent)
        shown: dict[str, Any] = {"status": consent.status, "accessUntil": head.expires_at}
        if consent.status != "active":
            shown |= {"nextRefreshAt": None, "refresh.nextRefreshAt": None}
        for snapshot in self._data.get_all(references, field_paths=["consentId"]):
            if not snapshot.exists or snapshot.get("consentId") != consent.id:
                continue
            batch.update(
                snapshot.reference,
                shown,
                option=self._data.write_option(last_update_time=snapshot.update_time),
            )
            batch.set(
                self._data.document(paths.head(organisation_id, snapshot.id)),
                head_document(head),
            )
