"""The day on which a key was used, left in the data database for the relay (`relay_store`)."""

from __future__ import annotations

import grpc

from shared.gcp import paths
from shared.gcp.raw_firestore import RawFirestore
from shared.use_cases.relay import KeyUse


class KeyUseOutbox:
    def __init__(self, data: RawFirestore) -> None:
        self._data = data

    def note(self, use: KeyUse) -> None:
        """One blind write; nothing when the relay has not yet taken the last one."""
        try:
            self._data.create(
                paths.key_use(use.organisation_id, use.key_id),
                {
                    "organisationId": use.organisation_id,
                    "keyId": use.key_id,
                    "lastUsedOn": use.on.isoformat(),
                },
            )
        except grpc.RpcError as refusal:
            if refusal.code() is not grpc.StatusCode.ALREADY_EXISTS:
                raise
