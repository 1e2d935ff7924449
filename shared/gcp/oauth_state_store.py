"""OAuth states, stored under their hash. Firestore's TTL removes them by `deleteAt`."""

from __future__ import annotations

from datetime import datetime, timedelta

from google.api_core.exceptions import AlreadyExists
from google.cloud import firestore

from shared.domain.errors import StaleWrite
from shared.domain.oauth_states import OAuthState
from shared.gcp import paths
from shared.gcp.commits import MARK, commit_surely, new_mark
from shared.gcp.documents import from_document, to_document

_KEPT = timedelta(days=1)


class OAuthStateStore:
    def __init__(self, data: firestore.Client) -> None:
        self._data = data

    def create(self, state_hash: str, state: OAuthState) -> None:
        document = to_document(state) | {"deleteAt": state.expires_at + _KEPT}
        try:
            self._data.document(paths.oauth_state(state_hash)).create(document)
        except AlreadyExists:
            # Nobody else has 256 random bits of ours: the answer was lost, and the client library asked again.
            return

    def find(self, state_hash: str) -> OAuthState | None:
        snapshot = self._data.document(paths.oauth_state(state_hash)).get()
        return from_document(snapshot.to_dict(), OAuthState) if snapshot.exists else None

    def use(self, state_hash: str, *, at: datetime) -> bool:
        reference = self._data.document(paths.oauth_state(state_hash))
        snapshot = reference.get()
        if not snapshot.exists or snapshot.get("usedAt") is not None:
            return False
        mark = new_mark()
        option = self._data.write_option(last_update_time=snapshot.update_time)

        def write() -> bool:
            reference.update({"usedAt": at, MARK: mark}, option=option)
            return True

        def ours() -> bool | None:
            return (reference.get().to_dict() or {}).get(MARK) == mark or None

        try:
            return commit_surely(write, written=ours)
        except StaleWrite:
            return False
