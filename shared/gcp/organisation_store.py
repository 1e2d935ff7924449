"""Organisations and their keys, in the control plane."""

from __future__ import annotations

from typing import Any

from google.cloud import firestore

from shared.domain.api_keys import ApiKey
from shared.domain.organisations import Organisation
from shared.gcp import paths
from shared.gcp.documents import from_document, to_document


class OrganisationStore:
    def __init__(self, control: firestore.Client) -> None:
        self._control = control

    def find(self, organisation_id: str) -> Organisation | None:
        snapshot = self._control.document(paths.organisation(organisation_id)).get()
        return from_document(snapshot.to_dict(), Organisation) if snapshot.exists else None

    def create(self, organisation: Organisation) -> None:
        self._control.document(paths.organisation(organisation.id)).set(to_document(organisation))

    def add_key(self, key: ApiKey, *, key_hash: str, label: str) -> None:
        """One commit: the key as its owner sees it, and the entry that requests find it by."""
        batch = self._control.batch()
        shown: dict[str, Any] = {
            "id": key.id,
            "environment": key.environment,
            "label": label,
            "revokedAt": None,
            "expiresAt": key.expires_at,
        }
        looked_up: dict[str, Any] = {
            "organisation": key.organisation_id,
            "key": key.id,
            "environment": key.environment,
            "revoked": key.revoked,
            "expiresAt": key.expires_at,
        }
        batch.set(self._control.document(paths.api_key(key.organisation_id, key.id)), shown)
        batch.set(self._control.document(paths.api_key_hash(key_hash)), looked_up)
        batch.commit()
