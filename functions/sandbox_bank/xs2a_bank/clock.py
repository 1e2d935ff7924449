"""The bank's clock. It is asked per TPP, because each TPP's day may be moved apart from the others'."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self, client_id: str | None) -> datetime:
        """Aware, UTC. None where no TPP is known yet."""
        ...


class SystemClock:
    def now(self, client_id: str | None) -> datetime:  # noqa: ARG002 - the same for every TPP
        return datetime.now(UTC)
