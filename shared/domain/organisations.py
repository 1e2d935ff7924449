"""A client of ours, as the control plane knows it."""

from __future__ import annotations

from typing import Literal

import msgspec

Tier = Literal["free", "pro", "enterprise"]


class Organisation(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    name: str
    tier: Tier
    status: Literal["active", "suspended"] = "active"
    callback_origins: tuple[str, ...] = ()
