"""The store in Firestore: one top-level collection a kind, update-time preconditions for every change.

Each record has a moment of its own in `expires_at` where it may go; a TTL policy on that field removes it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from google.api_core import exceptions

from xs2a_bank.records import Code, Consent, FirstTry, Grant, Reads, ScaSession, Token
from xs2a_bank.store import AlreadyExists, Changed, R, Stored

if TYPE_CHECKING:
    from google.cloud import firestore

COLLECTIONS: dict[type[msgspec.Struct], str] = {
    Consent: "consents",
    ScaSession: "scaSessions",
    Grant: "grants",
    Code: "codes",
    Token: "tokens",
    Reads: "reads",
    FirstTry: "firstTries",
}


class FirestoreStore:
    def __init__(self, client: firestore.Client) -> None:
        self._client = client

    def get(self, kind: type[R], key: str) -> Stored[R] | None:
        snapshot = self._client.collection(COLLECTIONS[kind]).document(key).get()
        if not snapshot.exists:
            return None
        record = msgspec.convert(_plain(snapshot.to_dict()), kind)
        return Stored(key, record, snapshot.update_time)

    def create(self, key: str, record: msgspec.Struct) -> None:
        try:
            self._client.collection(COLLECTIONS[type(record)]).document(key).create(_fields(record))
        except exceptions.AlreadyExists as error:
            raise AlreadyExists(key) from error

    def replace(self, stored: Stored[R], record: R) -> None:
        reference = self._client.collection(COLLECTIONS[type(record)]).document(stored.key)
        unchanged = self._client.write_option(last_update_time=stored.version)
        try:
            reference.update(_fields(record), option=unchanged)
        except (exceptions.FailedPrecondition, exceptions.NotFound, exceptions.Aborted) as error:
            raise Changed(stored.key) from error


def _fields(record: msgspec.Struct) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(record, builtin_types=(datetime,))
    return fields


def _plain(value: Any) -> Any:
    """The client's nanosecond timestamps as plain datetimes, which msgspec takes."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return datetime.fromtimestamp(value.timestamp(), UTC)
    return value
