"""Accounts as clients read them."""

from __future__ import annotations

from google.cloud import firestore

from shared.domain.accounts import AccountRecord
from shared.gcp import paths
from shared.gcp.documents import from_document


class AccountStore:
    def __init__(self, data: firestore.Client) -> None:
        self._data = data

    def find(self, organisation_id: str, account_id: str) -> AccountRecord | None:
        snapshot = self._data.document(paths.account(organisation_id, account_id)).get()
        return from_document(snapshot.to_dict(), AccountRecord) if snapshot.exists else None

    def list(self, organisation_id: str, *, limit: int, after: str | None) -> list[AccountRecord]:
        query = self._data.collection(paths.accounts(organisation_id)).order_by("id").limit(limit)
        if after is not None:
            query = query.start_after({"id": after})
        return [from_document(snapshot.to_dict(), AccountRecord) for snapshot in query.stream()]
