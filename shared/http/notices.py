"""Notices as log lines that metrics count: infra/terraform raises alerts on them."""

from __future__ import annotations

from datetime import datetime

import structlog

from shared.domain.consents import Consent


class LoggedNotices:
    def __init__(self, log: structlog.typing.FilteringBoundLogger) -> None:
        self._log = log

    def breaker_opened(self, bank_id: str, *, until: datetime) -> None:
        self._log.warning("breaker_opened", bank=bank_id, until=until.isoformat())

    def consent_expiring(self, consent: Consent, *, days: int) -> None:
        self._log.info(
            "consent_expiring", organisation=consent.organisation_id, consent=consent.id, days=days
        )
