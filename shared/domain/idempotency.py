"""A request that was made with an Idempotency-Key, and the reply that it had."""

from __future__ import annotations

from datetime import datetime

import msgspec


class IdempotencyRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    request_hash: str
    effect_id: str
    started_at: datetime
    delete_at: datetime
    reply_status: int | None = None
    """None while the first request is under way."""
    reply_headers: dict[str, str] = {}
    sealed_body: bytes = b""
