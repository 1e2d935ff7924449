"""What an export reads: each kind of document through the type that its clients know it by, and nothing else.

A field that the type does not have, and a collection that is not named here, never leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import msgspec
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from shared.domain.accounts import AccountRecord, public_account
from shared.domain.api_keys import KeyDetails
from shared.domain.audit import AuditEntry
from shared.domain.consents import Consent, ConsentHistoryEntry
from shared.domain.invitations import Invitation
from shared.domain.organisations import Organisation
from shared.domain.users import User
from shared.gcp import paths
from shared.gcp.documents import from_document
from shared.gcp.page_documents import read_page
from shared.use_cases.export_organisation import Record, Section

_encoder = msgspec.json.Encoder()
_PAGE_SIZE = 100
_LEAVES_AT_ONCE = 5
_SHOWN = (
    "id", "bankId", "bankName", "country", "status", "callbackUrl", "clientState", "createdAt", "expiresAt",
    "scaAt", "fault", "accountIds", "lastSyncedAt", "nextSyncAt",
)  # fmt: skip
"""Of a consent. The rest is how Tok works on it, and what it is called at the bank."""
_HIDDEN = {field.encode_name for field in msgspec.structs.fields(Consent)} - set(_SHOWN)


def control_sections(control: firestore.Client) -> tuple[Section, ...]:
    """Of the control plane: no hash, no letter."""
    return (
        _Organisation("organisation", control),
        _Collection("users", control, paths.users, User),
        _Collection("invitations", control, paths.invitations, Invitation),
        _Collection("apiKeys", control, paths.api_keys, KeyDetails),
        _Collection("audit", control, paths.audit, AuditEntry),
    )


def data_sections(data: firestore.Client, *, at: datetime) -> tuple[Section, ...]:
    """Of one environment's bank data."""
    consents = _Collection("consents", data, paths.consents, Consent, hidden=_HIDDEN)
    return (
        consents,
        _Below("consentHistory", data, consents, paths.consent_histories, ConsentHistoryEntry, "consentId"),
        _Collection(
            "accounts",
            data,
            paths.accounts,
            AccountRecord,
            present=lambda found: public_account(found, at=at, wall_at=at),
        ),
        # Before what is booked: a row that the bank books between the two is then in both, else it were in neither.
        _Pending("pendingTransactions", data),
        _Transactions("transactions", data),
    )


def _documents(
    data: firestore.Client, collection: str, *, after: str | None, at_once: int = _PAGE_SIZE
) -> Iterator[Any]:
    """A collection's documents by their id, read page by page."""
    path = collection
    query = data.collection(path).order_by("__name__").limit(at_once)
    if after is not None:
        query = query.start_after({"__name__": after})
    while True:
        found = list(query.stream())
        yield from found
        if len(found) < at_once:
            return
        query = query.start_after(found[-1])


class _Organisation:
    def __init__(self, name: str, control: firestore.Client) -> None:
        self.name = name
        self._control = control

    def read(self, organisation_id: str, *, after: str | None) -> Iterator[Record]:
        snapshot = self._control.document(paths.organisation(organisation_id)).get()
        if snapshot.exists and after is None:
            yield Record(key=snapshot.id, json=_line(from_document(snapshot.to_dict(), Organisation)))


class _Collection:
    def __init__(
        self,
        name: str,
        database: firestore.Client,
        path: Callable[[str], str],
        kind: type[msgspec.Struct],
        *,
        hidden: frozenset[str] | set[str] = frozenset(),
        present: Callable[[Any], msgspec.Struct] = lambda found: found,
    ) -> None:
        self.name = name
        self.path = path
        self._present = present
        self._database = database
        self._kind = kind
        self._hidden = hidden

    def read(self, organisation_id: str, *, after: str | None) -> Iterator[Record]:
        for snapshot in _documents(self._database, self.path(organisation_id), after=after):
            found = self._present(from_document(snapshot.to_dict(), self._kind))
            yield Record(key=snapshot.id, json=_line(found, hidden=self._hidden))


class _Below:
    """The documents of a subcollection of every document of another section, each with its parent's id."""

    def __init__(
        self,
        name: str,
        database: firestore.Client,
        parents: _Collection,
        path: Callable[[str, str], str],
        kind: type[msgspec.Struct],
        parent_field: str,
    ) -> None:
        self.name = name
        self._database = database
        self._parents = parents
        self._path = path
        self._kind = kind
        self._parent_field = parent_field

    def read(self, organisation_id: str, *, after: str | None) -> Iterator[Record]:
        """A key is the parent's id and the document's."""
        for parent, rest in _parents(self._database, self._parents.path(organisation_id), after=after):
            for snapshot in _documents(self._database, self._path(organisation_id, parent), after=rest):
                line = _line(from_document(snapshot.to_dict(), self._kind), also={self._parent_field: parent})
                yield Record(key=f"{parent}/{snapshot.id}", json=line)


class _Transactions:
    """The rows of every account's pages, as clients receive them, oldest page first."""

    def __init__(self, name: str, data: firestore.Client) -> None:
        self.name = name
        self._data = data

    def read(self, organisation_id: str, *, after: str | None) -> Iterator[Record]:
        for account_id, lower in _parents(self._data, paths.accounts(organisation_id), after=after):
            for fields in self._pages(organisation_id, account_id, after=lower):
                rows = read_page(fields).rows
                if rows:
                    yield Record(
                        key=f"{account_id}/{fields['lower']}", json=b"\n".join(row.json for row in rows)
                    )

    def _pages(self, organisation_id: str, account_id: str, *, after: str | None) -> Iterator[dict[str, Any]]:
        query = (
            self._data.collection(paths.pages(organisation_id, account_id))
            .where(filter=FieldFilter("lower", ">", after or ""))
            .where(filter=FieldFilter("lower", "<", paths.HEAD))
            .order_by("lower")
            .limit(_LEAVES_AT_ONCE)
        )
        while True:
            found = list(query.stream())
            for snapshot in found:
                yield snapshot.to_dict() or {}
            if len(found) < _LEAVES_AT_ONCE:
                return
            query = query.start_after(found[-1])


class _Pending:
    def __init__(self, name: str, data: firestore.Client) -> None:
        self.name = name
        self._data = data

    def read(self, organisation_id: str, *, after: str | None) -> Iterator[Record]:
        for snapshot in _documents(self._data, paths.accounts(organisation_id), after=after):
            pending = self._data.document(paths.pending(organisation_id, snapshot.id)).get()
            rows = read_page(pending.to_dict() or {}).rows if pending.exists else ()
            if rows:
                yield Record(key=snapshot.id, json=b"\n".join(row.json for row in rows))


def _parents(
    database: firestore.Client, collection: str, *, after: str | None
) -> Iterator[tuple[str, str | None]]:
    """Each parent's id, and behind which of its documents to go on: only of the parent that `after` names."""
    first, _, rest = (after or "").partition("/")
    if first:
        yield first, rest or None
    for snapshot in _documents(database, collection, after=first or None):
        yield snapshot.id, None


def _line(
    found: msgspec.Struct,
    *,
    hidden: frozenset[str] | set[str] = frozenset(),
    also: dict[str, str] | None = None,
) -> bytes:
    shown = msgspec.to_builtins(found)
    kept = {name: value for name, value in shown.items() if name not in hidden}
    return _encoder.encode({**(also or {}), **kept})
