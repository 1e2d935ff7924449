"""A client of ours, as the control plane knows it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from shared.domain.errors import Forbidden, Invalid

Tier = Literal["free", "pro", "enterprise"]
_NAME_LENGTH_MAX = 100


class Organisation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    name: str
    tier: Tier
    status: Literal["active", "suspended", "erasing"] = "active"
    callback_origins: tuple[str, ...] = ()
    created_at: datetime | None = None
    """None for those that are older than this field."""
    revision: int = 1
    """Raised by every change of the organisation or of its users: the fence of both (docs/decisions/0015)."""


def require_name(name: str, *, field: str = "name") -> str:
    """`name` without spaces around it. Raises Invalid."""
    trimmed = name.strip()
    if not trimmed or len(trimmed) > _NAME_LENGTH_MAX or not trimmed.isprintable():
        raise Invalid(field, f"is 1 to {_NAME_LENGTH_MAX} printable characters")
    return trimmed


def require_active(organisation: Organisation) -> None:
    if organisation.status == "erasing":
        raise Forbidden("This organisation is being erased.")
    if organisation.status != "active":
        raise Forbidden("This organisation is suspended.")
