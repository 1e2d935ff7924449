"""Lists in pages: `limit`, `cursor`, and the envelope {data, nextCursor}."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from shared.domain.errors import Invalid

LIMIT_DEFAULT = 100
LIMIT_MAX = 500


class PageQuery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    limit: int = LIMIT_DEFAULT
    cursor: str | None = None


class ListReply(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    data: Sequence[object]
    next_cursor: str | None


def require_limit(limit: int) -> int:
    if not 1 <= limit <= LIMIT_MAX:
        raise Invalid("limit", f"is a number from 1 to {LIMIT_MAX}")
    return limit
