"""Bring to the control plane what waits for it in the data database (docs/decisions/0016).

Delivered at least once and written once: an entry's id is the same each time, and it leaves the outbox only after it
is in the log.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Protocol

import msgspec

from shared.domain.audit import AuditEntry
from shared.domain.errors import StaleWrite

BATCH = 200


class KeyUse(msgspec.Struct, frozen=True, kw_only=True):
    organisation_id: str
    key_id: str
    on: date
    """UTC day."""


class Outbox(Protocol):
    def audit_entries(self, *, limit: int) -> list[AuditEntry]:
        """Of every organisation, oldest first."""
        ...

    def audit_entries_of(self, organisation_id: str, *, limit: int) -> list[AuditEntry]: ...

    def forget_audit_entry(self, entry: AuditEntry) -> None: ...

    def key_uses(self, *, limit: int) -> Iterable[KeyUse]: ...

    def forget_key_use(self, use: KeyUse) -> None: ...


class AuditLog(Protocol):
    def record(self, entry: AuditEntry) -> None:
        """Repeatable."""
        ...


class UsedKeys(Protocol):
    def record_use(self, organisation_id: str, key_id: str, *, on: date) -> None:
        """Repeatable; raises StaleWrite when the key was changed meanwhile."""
        ...


class Relayed(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    audit_entries: int
    key_uses: int


def relay(*, outbox: Outbox, log: AuditLog, keys: UsedKeys) -> Relayed:
    entries = 0
    while batch := outbox.audit_entries(limit=BATCH):
        entries += _take(batch, outbox=outbox, log=log)
    uses = 0
    for use in list(outbox.key_uses(limit=BATCH)):
        try:
            keys.record_use(use.organisation_id, use.key_id, on=use.on)
        except StaleWrite:
            continue  # the next tick finds it still waiting
        outbox.forget_key_use(use)
        uses += 1
    return Relayed(audit_entries=entries, key_uses=uses)


def relay_audit_of(organisation_id: str, *, outbox: Outbox, log: AuditLog) -> None:
    """So that who reads the log sees what has just been done."""
    while batch := outbox.audit_entries_of(organisation_id, limit=BATCH):
        _take(batch, outbox=outbox, log=log)


def _take(batch: list[AuditEntry], *, outbox: Outbox, log: AuditLog) -> int:
    for entry in batch:
        log.record(entry)
        outbox.forget_audit_entry(entry)
    return len(batch)
