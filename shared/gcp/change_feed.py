"""The read side of an account's change feed: its documents are numbered without a gap, so they are read by name."""

from __future__ import annotations

from shared.domain.changes import decode
from shared.gcp import paths
from shared.gcp.raw_firestore import RawFirestore
from shared.gcp.transaction_pages import read_head
from shared.use_cases.follow_transactions import FeedPart


class FirestoreChangeFeed:
    def __init__(self, data: RawFirestore) -> None:
        self._data = data

    def read(self, organisation_id: str, account_id: str, *, number: int, count: int) -> FeedPart:
        head = paths.head(organisation_id, account_id)
        names = [paths.changes(organisation_id, account_id, number + place) for place in range(count)]
        found = self._data.get([head, *names])
        documents = []
        for name in names:
            if name not in found:
                break
            documents.append(decode(found[name]["changes"].bytes_value))
        return FeedPart(head=read_head(found[head]) if head in found else None, documents=documents)
