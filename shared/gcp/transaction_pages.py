"""The read side of pages: one query answers both whether an account may be read and what is in it."""

from __future__ import annotations

from datetime import UTC
from typing import cast

from shared.domain.accounts import AccountHead
from shared.domain.consents import Status
from shared.gcp import paths
from shared.gcp.raw_firestore import Fields, RawFirestore
from shared.use_cases.list_transactions import Listed, PageLines

_FIELDS = ("keys", "rows", "status", "expiresAt")


class FirestoreTransactionPages:
    def __init__(self, data: RawFirestore) -> None:
        self._data = data

    def newest(self, organisation_id: str, account_id: str, *, below: str, count: int) -> Listed:
        documents = self._data.descending(
            parent=paths.account(organisation_id, account_id),
            collection="pages",
            field="lower",
            at_most=below,
            or_equal_to=paths.HEAD,
            select=_FIELDS,
            limit=count + 1,
        )
        if not documents or "status" not in documents[0]:
            return Listed(head=None, pages=[])
        return Listed(head=_head(documents[0]), pages=[_lines(fields) for fields in documents[1:]])

    def pending(self, organisation_id: str, account_id: str) -> Listed:
        head_path = paths.head(organisation_id, account_id)
        pending_path = paths.pending(organisation_id, account_id)
        found = self._data.get([head_path, pending_path])
        return Listed(
            head=_head(found[head_path]) if head_path in found else None,
            pages=[_lines(found[pending_path])] if pending_path in found else [],
        )


def _head(fields: Fields) -> AccountHead:
    return AccountHead(
        status=cast(Status, fields["status"].string_value),
        expires_at=fields["expiresAt"].timestamp_value.ToDatetime(tzinfo=UTC),
    )


def _lines(fields: Fields) -> PageLines:
    rows = fields["rows"].bytes_value
    if not rows:
        return PageLines([], [])
    return PageLines(fields["keys"].bytes_value.decode().split("\n"), rows.split(b"\n"))
