from __future__ import annotations

from datetime import datetime

from shared.domain.consents import Consent


class FakeNotices:
    """Remembers what people were told."""

    def __init__(self) -> None:
        self.opened: list[tuple[str, datetime]] = []
        self.expiring: list[tuple[str, int]] = []

    def breaker_opened(self, bank_id: str, *, until: datetime) -> None:
        self.opened.append((bank_id, until))

    def consent_expiring(self, consent: Consent, *, days: int) -> None:
        self.expiring.append((consent.id, days))
