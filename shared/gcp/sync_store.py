"""What a sync reads and writes: an account's newest pages, and one atomic commit fenced by the consent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from shared.domain.accounts import AccountRecord
from shared.domain.consents import Consent
from shared.domain.pages import FIRST, Page
from shared.gcp import paths
from shared.gcp.commits import commit_fenced
from shared.gcp.documents import from_document, to_document
from shared.gcp.page_documents import (
    changes_document,
    gone_document,
    head_document,
    page_document,
    pending_document,
    read_gone,
    read_page,
)
from shared.use_cases.ports import (
    AccountBooks,
    AccountWrite,
    BookWrites,
    Committed,
    StoredAccount,
    StoredConsent,
    Version,
)


class FirestoreSyncStore:
    def __init__(self, data: firestore.Client) -> None:
        self._data = data

    def accounts(self, organisation_id: str, account_ids: Sequence[str]) -> dict[str, StoredAccount]:
        references = [self._data.document(paths.account(organisation_id, name)) for name in account_ids]
        return {
            snapshot.id: StoredAccount(
                record=from_document(snapshot.to_dict(), AccountRecord), version=snapshot.update_time
            )
            for snapshot in (self._data.get_all(references) if references else ())
            if snapshot.exists
        }

    def books(self, organisation_id: str, account_id: str, *, since: date) -> AccountBooks:
        collection = self._data.collection(paths.pages(organisation_id, account_id))
        first_key = f"{since.isoformat()}~"
        holding = (
            collection.where(filter=FieldFilter("lower", "<=", first_key))
            .order_by("lower", direction=firestore.Query.DESCENDING)
            .limit(1)
        )
        lower = next((snapshot.get("lower") for snapshot in holding.stream()), FIRST)
        newer = (
            collection.where(filter=FieldFilter("lower", ">=", lower))
            .where(filter=FieldFilter("lower", "<", paths.HEAD))
            .order_by("lower")
        )
        pages: list[Page] = []
        versions: dict[str, Version] = {}
        for snapshot in newer.stream():
            page = read_page(snapshot.to_dict() or {})
            pages.append(page)
            versions[page.lower] = snapshot.update_time
        others = {
            snapshot.reference.path: snapshot.to_dict() or {}
            for snapshot in self._data.get_all(
                [
                    self._data.document(paths.pending(organisation_id, account_id)),
                    self._data.document(paths.gone(organisation_id, account_id)),
                ]
            )
            if snapshot.exists
        }
        pending = others.get(paths.pending(organisation_id, account_id))
        gone = others.get(paths.gone(organisation_id, account_id))
        return AccountBooks(
            pages=tuple(pages),
            versions=versions,
            pending=read_page(pending) if pending else None,
            gone=read_gone(gone) if gone else (),
        )

    def reading(self, organisation_id: str, consent_id: str, *, parts: int) -> list[bytes]:
        references = [
            self._data.document(paths.reading_part(organisation_id, consent_id, number))
            for number in range(1, parts + 1)
        ]
        found = {
            snapshot.id: snapshot.get("part")
            for snapshot in self._data.get_all(references)
            if snapshot.exists
        }
        return [found[reference.id] for reference in references if reference.id in found]

    def commit(
        self,
        consent: Consent,
        *,
        replacing: StoredConsent,
        accounts: Sequence[AccountWrite] = (),
        books: BookWrites | None = None,
        parts: Sequence[bytes] = (),
    ) -> Committed:
        organisation_id = consent.organisation_id
        batch = self._data.batch()
        reference = self._data.document(paths.consent(organisation_id, consent.id))
        self._put(batch, reference, to_document(consent), version=replacing.version)
        for write in accounts:
            self._put(
                batch,
                self._data.document(paths.account(organisation_id, write.record.id)),
                to_document(write.record),
                version=write.version,
            )
        pages = books.pages if books else ()
        for page_write in pages:
            path = paths.page(organisation_id, books.account_id if books else "", page_write.page.lower)
            self._put(
                batch, self._data.document(path), page_document(page_write.page), version=page_write.version
            )
        for write in accounts:
            if write.head is not None:
                head = self._data.document(paths.head(organisation_id, write.record.id))
                batch.set(head, head_document(write.head))
        if books is not None:
            self._put_others(batch, organisation_id, books)
        self._put_reading(batch, consent, replacing=replacing.consent, parts=parts)
        times = commit_fenced(batch, reference=reference, written=consent)
        return Committed(
            consent=StoredConsent(consent=consent, version=times[0]),
            account_versions={
                write.record.id: time
                for write, time in zip(accounts, times[1 : 1 + len(accounts)], strict=True)
            },
            page_versions={
                page_write.page.lower: time
                for page_write, time in zip(
                    pages, times[1 + len(accounts) : 1 + len(accounts) + len(pages)], strict=True
                )
            },
        )

    def _put(
        self,
        batch: firestore.WriteBatch,
        reference: firestore.DocumentReference,
        document: dict[str, Any],
        *,
        version: Version | None,
    ) -> None:
        if version is None:
            batch.create(reference, document)
        else:
            batch.update(reference, document, option=self._data.write_option(last_update_time=version))

    def _put_others(self, batch: firestore.WriteBatch, organisation_id: str, books: BookWrites) -> None:
        account_id = books.account_id
        if books.pending is not None:
            pending = self._data.document(paths.pending(organisation_id, account_id))
            batch.set(pending, pending_document(books.pending))
        if books.gone is not None:
            batch.set(self._data.document(paths.gone(organisation_id, account_id)), gone_document(books.gone))
        if books.changes:
            path = paths.changes(organisation_id, account_id, books.changes_number)
            batch.create(self._data.document(path), changes_document(books.changes_number, books.changes))

    def _put_reading(
        self, batch: firestore.WriteBatch, consent: Consent, *, replacing: Consent, parts: Sequence[bytes]
    ) -> None:
        had = replacing.progress.parts if replacing.progress else 0
        has = consent.progress.parts if consent.progress else 0
        for number in range(has + 1, had + 1):
            batch.delete(self._data.document(paths.reading_part(consent.organisation_id, consent.id, number)))
        for number, part in enumerate(parts, has - len(parts) + 1):
            path = paths.reading_part(consent.organisation_id, consent.id, number)
            batch.set(self._data.document(path), {"part": part})
