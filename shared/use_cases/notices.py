"""What a sync comes upon that people should know. Told once where all goes well; twice or never after a crash."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from shared.domain.consents import Consent


class Notices(Protocol):
    def breaker_opened(self, bank_id: str, *, until: datetime) -> None: ...

    def consent_expiring(self, consent: Consent, *, days: int) -> None:
        """`days` is one of domain.consents.EXPIRY_NOTICES: no more than so many are left."""
        ...


class _NoNotices:
    def breaker_opened(self, bank_id: str, *, until: datetime) -> None:
        pass

    def consent_expiring(self, consent: Consent, *, days: int) -> None:
        pass


NO_NOTICES: Notices = _NoNotices()
