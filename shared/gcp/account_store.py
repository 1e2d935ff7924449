"""Accounts as clients read them."""

from __future__ import annotations

from shared.domain.accounts import AccountRecord
from shared.gcp import paths
from shared.gcp.firestore_values import from_fields
from shared.gcp.raw_firestore import RawFirestore


class AccountStore:
    def __init__(self, data: RawFirestore) -> None:
        self._data = data

    def find(self, organisation_id: str, account_id: str) -> AccountRecord | None:
        path = paths.account(organisation_id, account_id)
        fields = self._data.get([path]).get(path)
        return None if fields is None else from_fields(fields, AccountRecord)

    def list(self, organisation_id: str, *, limit: int, after: str | None) -> list[AccountRecord]:
        parent, _, collection = paths.accounts(organisation_id).rpartition("/")
        found = self._data.ascending(
            parent=parent, collection=collection, field="id", after=after, limit=limit
        )
        return [from_fields(fields, AccountRecord) for fields in found]
