"""What a sync reads and writes: an account's newest pages, and one atomic commit fenced by the consent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from shared.domain.accounts import AccountRecord
from shared.domain.consents import Consent
from shared.domain.pages import FIRST, Page
from shared.gcp import paths
from shared.gcp.documents import from_document, stale_write_on_conflict, to_document
from shared.gcp.page_documents import head_document, page_document, pending_document, read_page
from shared.use_cases.ports import (
    AccountPages,
    AccountWrite,
    Committed,
    PageWrite,
    PendingWrite,
    StoredConsent,
    Version,
)


class FirestoreSyncStore:
    def __init__(self, data: firestore.Client) -> None:
        self._data = data

    def find_account(self, organisation_id: str, account_id: str) -> AccountRecord | None:
        snapshot = self._data.document(paths.account(organisation_id, account_id)).get()
        return from_document(snapshot.to_dict(), AccountRecord) if snapshot.exists else None

    def pages(self, organisation_id: str, account_id: str, *, since: date) -> AccountPages:
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
        pending = self._data.document(paths.pending(organisation_id, account_id)).get()
        return AccountPages(
            pages=tuple(pages),
            versions=versions,
            pending=read_page(pending.to_dict() or {}) if pending.exists else None,
        )

    def commit(
        self,
        consent: Consent,
        *,
        replacing: StoredConsent,
        accounts: Sequence[AccountWrite] = (),
        pages: Sequence[PageWrite] = (),
        pending: Sequence[PendingWrite] = (),
    ) -> Committed:
        organisation_id = consent.organisation_id
        batch = self._data.batch()
        batch.update(
            self._data.document(paths.consent(organisation_id, consent.id)),
            to_document(consent),
            option=self._data.write_option(last_update_time=replacing.version),
        )
        first_page = 1
        for write in accounts:
            account = write.account
            first_page += 1 if write.head is None else 2
            batch.set(self._data.document(paths.account(organisation_id, account.id)), to_document(account))
            if write.head is not None:
                batch.set(
                    self._data.document(paths.head(organisation_id, account.id)), head_document(write.head)
                )
        for page_write in pages:
            reference = self._data.document(
                paths.page(organisation_id, page_write.account_id, page_write.page.lower)
            )
            if page_write.version is None:
                batch.create(reference, page_document(page_write.page))
            else:
                batch.update(
                    reference,
                    page_document(page_write.page),
                    option=self._data.write_option(last_update_time=page_write.version),
                )
        for pending_write in pending:
            batch.set(
                self._data.document(paths.pending(organisation_id, pending_write.account_id)),
                pending_document(pending_write.page),
            )
        with stale_write_on_conflict():
            results = batch.commit()
        return Committed(
            consent=StoredConsent(consent=consent, version=results[0].update_time),
            page_versions={
                page_write.page.lower: result.update_time
                for page_write, result in zip(pages, results[first_page:], strict=False)
            },
        )
