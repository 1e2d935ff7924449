"""Move an organisation's sandbox clock forward, and with it everything of its consents that hangs on time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import msgspec

from shared.domain.clock import Clock
from shared.domain.consents import Consent, Lease
from shared.domain.errors import Conflict, Invalid, StaleWrite
from shared.domain.sandbox_clock import OFFSET_SECONDS_MAX, SandboxClock
from shared.use_cases.ports import Consents, SyncTasks, Version

_ATTEMPTS = 20
_PAGE_SIZE = 100


class OrganisationClocks(Protocol):
    def find(self, organisation_id: str) -> tuple[SandboxClock, Version | None]: ...

    def save(self, organisation_id: str, clock: SandboxClock, *, version: Version | None) -> None:
        """Raises StaleWrite."""
        ...


def move_clock(
    organisation_id: str,
    *,
    advance_seconds: int,
    move_id: str,
    clocks: OrganisationClocks,
    consents: Consents,
    tasks: SyncTasks,
    clock: Clock,
) -> SandboxClock:
    """The clock as it now is. The same `move_id` again moves it no further, and finishes what was left undone.

    Raises Invalid("advanceSeconds") beyond the last moment that the sandbox reaches.
    """
    moved = _move(organisation_id, advance_seconds, move_id, clocks=clocks, clock=clock)
    for consent in _living(organisation_id, consents=consents):
        followed = _follow(consent, moved.offset_seconds, consents=consents, clock=clock)
        now = clock.now()
        if followed.due_at is not None and followed.due_at <= now:
            tasks.enqueue(
                organisation_id, followed.id, window=f"clock-{followed.clock_offset_seconds}", not_before=now
            )
    return moved


def _move(
    organisation_id: str, advance_seconds: int, move_id: str, *, clocks: OrganisationClocks, clock: Clock
) -> SandboxClock:
    for _ in range(_ATTEMPTS):
        found, version = clocks.find(organisation_id)
        if found.moved_by == move_id:
            return found
        offset_seconds = found.offset_seconds + advance_seconds
        if offset_seconds > OFFSET_SECONDS_MAX:
            left = OFFSET_SECONDS_MAX - found.offset_seconds
            raise Invalid("advanceSeconds", f"the clock can be moved by {left} seconds more at most")
        moved = SandboxClock(offset_seconds=offset_seconds, moved_by=move_id, moved_at=clock.now())
        try:
            clocks.save(organisation_id, moved, version=version)
        except StaleWrite:
            continue
        return moved
    raise Conflict("The clock is being moved by others. Try again in a moment.")


def _living(organisation_id: str, *, consents: Consents) -> Iterator[Consent]:
    """Those that time still changes; an ended one takes the clock over when it is renewed."""
    before: str | None = None
    while True:
        page = consents.list(organisation_id, limit=_PAGE_SIZE, before=before)
        yield from (consent for consent in page if consent.due_at is not None)
        if len(page) < _PAGE_SIZE:
            return
        before = page[-1].id


def _follow(consent: Consent, offset_seconds: int, *, consents: Consents, clock: Clock) -> Consent:
    """A sync under way is overtaken, and its lease, which is of another time, is over."""
    for _ in range(_ATTEMPTS):
        stored = consents.find(consent.organisation_id, consent.id)
        if stored is None or stored.consent.clock_offset_seconds >= offset_seconds:
            return consent if stored is None else stored.consent
        followed = msgspec.structs.replace(
            stored.consent,
            clock_offset_seconds=offset_seconds,
            lease=Lease(fence=stored.consent.lease.fence + 1),
        )
        try:
            return consents.save(followed, replacing=stored, at=clock.now()).consent
        except StaleWrite:
            continue
    raise Conflict("A consent is being changed all the time. Try again in a moment.")
