"""Values that the bank hands out and must not keep: only their SHA-256 is stored."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Literal

Prefix = Literal["sbat_", "sbrt_", "sbac_", "sbsc_"]
"""Access token, refresh token, authorization code, SCA session: recognisable wherever they leak."""


def new_secret(prefix: Prefix) -> str:
    """256 random bits, URL-safe."""
    return prefix + secrets.token_urlsafe(32)


def fingerprint(secret: str) -> str:
    """The key under which a secret is stored: SHA-256, hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def form_token(session_secret: str) -> str:
    """The CSRF token of a session's forms. Derived, so that it needs no storage."""
    return hmac.new(session_secret.encode(), b"form", hashlib.sha256).hexdigest()


def same(left: str, right: str) -> bool:
    """Constant-time comparison of texts in any alphabet."""
    return hmac.compare_digest(left.encode(), right.encode())
