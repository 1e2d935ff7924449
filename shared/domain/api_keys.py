"""API keys: `tok_live_` or `tok_sandbox_`, 32 random base62 characters, and a 6-character checksum.

The checksum lets a mistyped key be refused without a read, and lets secret scanners know a key when they
see one. It is no secret: only SHA-256 of the whole key is stored, and only its holder has the key.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import date, datetime, timedelta

import msgspec

from shared.domain.key_format import RANDOM_LENGTH, Environment, base62, checksum, environment_of
from shared.domain.organisations import Tier

_PREFIX_RANDOM_LENGTH = 6

KEYS_MAX = 100
"""Usable ones of an organisation."""
OVERLAP_DEFAULT = timedelta(hours=24)
OVERLAP_MAX = timedelta(days=30)
LIFETIME_MAX = timedelta(days=3650)


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """What the control plane knows of a key, found by its hash."""

    id: str
    organisation_id: str
    environment: Environment
    revoked: bool = False
    expires_at: datetime | None = None
    tier: Tier = "free"
    """Of its organisation. The look-up reads it there; it is not stored with the key."""
    last_used_on: date | None = None

    def is_usable(self, *, at: datetime) -> bool:
        return not self.revoked and (self.expires_at is None or at < self.expires_at)


class KeyDetails(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What an organisation is shown of its key: never the key or its hash."""

    id: str
    environment: Environment
    label: str
    prefix: str
    """The first characters of the key, to tell keys apart by."""
    created_by: str | None
    """None for the keys of organisations that an operator made."""
    created_at: datetime
    last_used_on: date | None = None
    """UTC day."""
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    replaced_by: str | None = None

    def is_usable(self, *, at: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)


def generate_key(environment: Environment) -> str:
    return key_from(environment, entropy=secrets.token_bytes(64))


def key_from(environment: Environment, *, entropy: bytes) -> str:
    """`entropy` is 64 uniformly random bytes: 512 bits leave no bias in 190."""
    number = int.from_bytes(entropy)
    start = f"tok_{environment}_{base62(number, RANDOM_LENGTH)}"
    return start + checksum(start)


def shown_prefix(key: str) -> str:
    environment = environment_of(key)
    return key[: len(f"tok_{environment}_") + _PREFIX_RANDOM_LENGTH]


def hash_key(key: str) -> str:
    """SHA-256, hex. Keys hold 190 random bits: a slow hash would add cost and no safety."""
    return hashlib.sha256(key.encode()).hexdigest()
