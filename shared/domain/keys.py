"""Keys for one purpose each, derived from the environment's signing key (HKDF with SHA-256, RFC 5869 §2.3)."""

from __future__ import annotations

import hmac


def derive_key(signing_key: bytes, *, purpose: str) -> bytes:
    """32 bytes. The signing key is uniformly random, so that extraction is not needed (RFC 5869 §3.3)."""
    return hmac.digest(signing_key, b"tok:" + purpose.encode() + b"\x01", "sha256")
