"""API keys by their hash, with their organisation's tier, from the control plane."""

from __future__ import annotations

from datetime import UTC, date
from typing import get_args

from shared.domain.api_keys import ApiKey
from shared.domain.key_format import Environment
from shared.domain.organisations import Tier
from shared.gcp import paths
from shared.gcp.raw_firestore import Fields, RawFirestore

_TIERS: dict[str, Tier] = {tier: tier for tier in get_args(Tier)}


class ApiKeyStore:
    def __init__(self, control: RawFirestore) -> None:
        self._control = control

    def find(self, key_hash: str) -> ApiKey | None:
        fields = self._fields(paths.api_key_hash(key_hash))
        if fields is None:
            return None
        organisation_id = fields["organisation"].string_value
        organisation = self._fields(paths.organisation(organisation_id))
        if organisation is None:
            return None
        environment: Environment = "live" if fields["environment"].string_value == "live" else "sandbox"
        expires = fields.get("expiresAt")
        used = fields["lastUsedOn"].string_value if "lastUsedOn" in fields else ""
        return ApiKey(
            id=fields["key"].string_value,
            organisation_id=organisation_id,
            environment=environment,
            revoked=fields["revoked"].boolean_value,
            expires_at=(
                expires.timestamp_value.ToDatetime(tzinfo=UTC)
                if expires is not None and expires.WhichOneof("value_type") == "timestamp_value"
                else None
            ),
            tier=_TIERS.get(organisation["tier"].string_value, "free"),
            last_used_on=date.fromisoformat(used) if used else None,
        )

    def _fields(self, path: str) -> Fields | None:
        return self._control.get([path]).get(path)
