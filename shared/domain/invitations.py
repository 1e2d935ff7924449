"""An invitation to join an organisation: for one e-mail address, in one role, once, for a week."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from shared.domain.errors import Invalid
from shared.domain.roles import Role
from shared.domain.users import normal_email

INVITATION_LIFETIME = timedelta(days=7)
_EMAIL = re.compile(r"[^\s@<>()\",;:\\]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_EMAIL_LENGTH_MAX = 254
_TOKEN_BYTES = 32
_TOKEN = re.compile(r"tok_invitation_[A-Za-z0-9_-]{43}")


class Invitation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    organisation_id: str
    email: str
    role: Role
    status: Literal["pending", "accepted", "withdrawn"] = "pending"
    invited_by: str
    created_at: datetime
    expires_at: datetime
    accepted_by: str | None = None

    def is_open(self, *, at: datetime) -> bool:
        return self.status == "pending" and at < self.expires_at


def invitation_token(entropy: bytes) -> str:
    """256 bits; `entropy` is at least 32 uniformly random bytes."""
    return "tok_invitation_" + base64.urlsafe_b64encode(entropy[:_TOKEN_BYTES]).rstrip(b"=").decode()


def is_invitation_token(text: str) -> bool:
    return _TOKEN.fullmatch(text) is not None


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def require_email(email: str, *, field: str = "email") -> str:
    """The address in the form in which addresses are compared. Raises Invalid."""
    normal = normal_email(email)
    if len(normal) > _EMAIL_LENGTH_MAX or not normal.isprintable() or _EMAIL.fullmatch(normal) is None:
        raise Invalid(field, "is not an e-mail address")
    return normal
