"""The state of an authorisation under way: what its callback is matched against."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime

import msgspec


class OAuthState(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    organisation_id: str
    consent_id: str
    bank_consent_id: str
    issuer: str
    """Who must answer (RFC 9207)."""
    issuer_in_response: bool
    expires_at: datetime
    used_at: datetime | None = None
    used_by: str | None = None
    """Random, of the caller that used it: tells its own use from another's."""


def new_state() -> str:
    """256 random bits, base64url. Only the PSU's browser keeps it: we store its hash."""
    return secrets.token_urlsafe(32)


def hash_state(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()


def code_verifier(state: str, *, key: bytes) -> str:
    """The PKCE verifier (RFC 7636 §4.1) that belongs to a state.

    Derived, so that nobody who can read the database can complete an authorisation.
    """
    return _base64url(hmac.digest(key, state.encode(), "sha256"))


def code_challenge(verifier: str) -> str:
    """S256 (RFC 7636 §4.2)."""
    return _base64url(hashlib.sha256(verifier.encode()).digest())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
