"""OAuth states, stored under their hash. Firestore's TTL removes them by `deleteAt`."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import msgspec
from google.cloud import firestore

from shared.domain.errors import StaleWrite
from shared.domain.oauth_states import OAuthState
from shared.gcp import paths
from shared.gcp.commits import commit_fenced
from shared.gcp.documents import from_document, to_document

_KEPT = timedelta(days=1)


class OAuthStateStore:
    def __init__(self, data: firestore.Client) -> None:
        self._data = data

    def create(self, state_hash: str, state: OAuthState) -> None:
        document = to_document(state) | {"deleteAt": state.expires_at + _KEPT}
        self._data.document(paths.oauth_state(state_hash)).create(document)

    def find(self, state_hash: str) -> OAuthState | None:
        snapshot = self._data.document(paths.oauth_state(state_hash)).get()
        return from_document(snapshot.to_dict(), OAuthState) if snapshot.exists else None

    def use(self, state_hash: str, *, at: datetime) -> bool:
        reference = self._data.document(paths.oauth_state(state_hash))
        snapshot = reference.get()
        if not snapshot.exists or snapshot.get("usedAt") is not None:
            return False
        used = msgspec.structs.replace(
            from_document(snapshot.to_dict(), OAuthState), used_at=at, used_by=secrets.token_hex(16)
        )
        batch = self._data.batch()
        batch.update(
            reference,
            {"usedAt": used.used_at, "usedBy": used.used_by},
            option=self._data.write_option(last_update_time=snapshot.update_time),
        )
        try:
            commit_fenced(batch, reference=reference, written=used)
        except StaleWrite:
            return False
        return True
