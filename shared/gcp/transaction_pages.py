"""The read side of pages: one query answers both whether an account may be read and what is in it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from datetime import UTC
from typing import cast

from shared.domain.accounts import AccountHead
from shared.domain.consents import Status
from shared.domain.leaves import Leaf
from shared.domain.pages import FIRST
from shared.gcp import paths
from shared.gcp.raw_firestore import Fields, RawFirestore
from shared.use_cases.list_transactions import Listed

_FIELDS = ("lower", "keys", "rows", "status", "expiresAt")
_READ_AHEAD_MAX = 32


class FirestoreTransactionPages:
    def __init__(self, data: RawFirestore) -> None:
        self._data = data

    def newest(self, organisation_id: str, account_id: str, *, below: str, read_ahead: int) -> Listed:
        documents = self._query(organisation_id, account_id, below=below, leaves=read_ahead)
        first = next(documents, None)
        if first is None or "status" not in first:
            documents.close()
            return Listed(head=None, leaves=iter(()))
        return Listed(
            head=read_head(first),
            leaves=self._leaves(organisation_id, account_id, documents, read_ahead=read_ahead),
        )

    def pending(self, organisation_id: str, account_id: str) -> Listed:
        head_path = paths.head(organisation_id, account_id)
        pending_path = paths.pending(organisation_id, account_id)
        found = self._data.get([head_path, pending_path])
        return Listed(
            head=read_head(found[head_path]) if head_path in found else None,
            leaves=iter([_leaf(found[pending_path])] if pending_path in found else []),
        )

    def _query(
        self, organisation_id: str, account_id: str, *, below: str, leaves: int
    ) -> Generator[Fields, None, None]:
        return self._data.descending(
            parent=paths.account(organisation_id, account_id),
            collection="pages",
            field="lower",
            at_most=below,
            or_equal_to=paths.HEAD,
            select=_FIELDS,
            limit=leaves + 1,
        )

    def _leaves(
        self,
        organisation_id: str,
        account_id: str,
        documents: Generator[Fields, None, None],
        *,
        read_ahead: int,
    ) -> Iterator[Leaf]:
        """As many as are asked for: where one query's documents end, a larger one goes on below them."""
        while True:
            count = 0
            lower = FIRST
            try:
                for fields in documents:
                    leaf = _leaf(fields)
                    count += 1
                    lower = leaf.lower
                    yield leaf
            finally:
                documents.close()
            if count < read_ahead or lower == FIRST:
                return
            read_ahead = min(read_ahead * 2, _READ_AHEAD_MAX)
            documents = self._query(organisation_id, account_id, below=_just_below(lower), leaves=read_ahead)
            next(documents, None)


def _just_below(lower: str) -> str:
    """The greatest key-like text under `lower`, which no page starts at: keys end in a digit or capital."""
    return lower[:-1] + chr(ord(lower[-1]) - 1) + "~"


def read_head(fields: Fields) -> AccountHead:
    return AccountHead(
        status=cast(Status, fields["status"].string_value),
        expires_at=fields["expiresAt"].timestamp_value.ToDatetime(tzinfo=UTC),
    )


def _leaf(fields: Fields) -> Leaf:
    return Leaf(fields["lower"].string_value, fields["keys"].bytes_value, fields["rows"].bytes_value)
