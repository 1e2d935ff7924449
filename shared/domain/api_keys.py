"""API keys: `tok_live_` or `tok_sandbox_`, 32 random base62 characters, and a 6-character checksum.

The checksum lets a mistyped key be refused without a read, and lets secret scanners know a key when they
see one. It is no secret: only SHA-256 of the whole key is stored, and only its holder has the key.
"""

from __future__ import annotations

import hashlib
import secrets
import string
import zlib
from datetime import datetime
from typing import Literal

import msgspec

from shared.domain.organisations import Tier

Environment = Literal["live", "sandbox"]

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_LENGTH = 32
_CHECKSUM_LENGTH = 6


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """What the control plane knows of a key, found by its hash."""

    id: str
    organisation_id: str
    environment: Environment
    revoked: bool = False
    expires_at: datetime | None = None
    tier: Tier = "free"
    """Of its organisation. The look-up reads it there; it is not stored with the key."""

    def is_usable(self, *, at: datetime) -> bool:
        return not self.revoked and (self.expires_at is None or at < self.expires_at)


def generate_key(environment: Environment) -> str:
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH))
    start = f"tok_{environment}_{body}"
    return start + _checksum(start)


def environment_of(key: str) -> Environment | None:
    """Which environment a key is for; None when it cannot be a key of ours."""
    environment: Environment
    if key.startswith("tok_live_"):
        environment = "live"
    elif key.startswith("tok_sandbox_"):
        environment = "sandbox"
    else:
        return None
    start, checksum = key[:-_CHECKSUM_LENGTH], key[-_CHECKSUM_LENGTH:]
    if len(key) != len(f"tok_{environment}_") + _RANDOM_LENGTH + _CHECKSUM_LENGTH or not key.isascii():
        return None
    return environment if _checksum(start) == checksum else None


def hash_key(key: str) -> str:
    """SHA-256, hex. Keys hold 190 random bits: a slow hash would add cost and no safety."""
    return hashlib.sha256(key.encode()).hexdigest()


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode())
    digits = []
    for _ in range(_CHECKSUM_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
