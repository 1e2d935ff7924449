"""At most so many unattended reads in any 24 hours (RTS Art. 36(5)(b)), counted per account and endpoint."""

from __future__ import annotations

import random
import time
from datetime import datetime, timedelta

from xs2a_bank.context import Context
from xs2a_bank.records import Consent, Reads
from xs2a_bank.refusals import Reason, Refusal
from xs2a_bank.secret_values import fingerprint
from xs2a_bank.store import AlreadyExists, Changed

WINDOW = timedelta(hours=24)
_ATTEMPTS = 8


def count_unattended_read(context: Context, consent: Consent, endpoint: str, *, now: datetime) -> None:
    """Refuses with ACCESS_EXCEEDED when the consent's frequency is used up."""
    key = fingerprint(f"{consent.id}/{endpoint}")
    for _ in range(_ATTEMPTS):
        stored = context.store.get(Reads, key)
        recent = tuple(at for at in stored.record.at if at > now - WINDOW) if stored else ()
        if len(recent) >= consent.frequency_per_day:
            wait = recent[-consent.frequency_per_day] + WINDOW - now
            raise Refusal(
                Reason.ACCESS_EXCEEDED,
                f"{consent.frequency_per_day} reads in 24 hours without the PSU are used up",
                retry_after_seconds=max(1, int(wait.total_seconds())),
            )
        reads = Reads(at=(*recent, now), expires_at=now + WINDOW)
        try:
            if stored is None:
                context.store.create(key, reads)
            else:
                context.store.replace(stored, reads)
        except (AlreadyExists, Changed):
            time.sleep(random.uniform(0, 0.05))  # noqa: S311 - jitter between competing readers
            continue
        return
    raise Refusal(Reason.UNAVAILABLE, "too many reads at the same moment")
