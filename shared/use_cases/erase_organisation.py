"""Erase an organisation whole (GDPR Art. 17): first its access, then its consents at the banks, then its data.

Each environment erases its own bank data, with its own keys and its own access to the banks; whichever is last goes on
with the control plane. Every step may be done again: a process that dies is followed by the next tick.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Protocol

import msgspec

from shared.domain.audit import SYSTEM, Action, AuditEntry, Origin, audit_entry
from shared.domain.clock import Clock
from shared.domain.consent_changes import ended
from shared.domain.consents import Consent
from shared.domain.erasures import OrganisationErasure
from shared.domain.errors import NotFound, StaleWrite
from shared.domain.key_format import Environment
from shared.use_cases.consent_deadlines import give_back
from shared.use_cases.ports import Banks, SealedTokens, StoredConsent
from shared.use_cases.relay import AuditLog, Outbox, relay_audit_of

_ATTEMPTS = 10


class Consents(Protocol):
    def find(self, organisation_id: str, consent_id: str) -> StoredConsent | None: ...

    def save(self, consent: Consent, *, replacing: StoredConsent, at: datetime) -> StoredConsent: ...

    def sealed_tokens(self, organisation_id: str, consent_id: str) -> SealedTokens | None: ...


class OrganisationErasures(Protocol):
    """The control plane's side."""

    def find(self, organisation_id: str) -> OrganisationErasure | None: ...

    def begin(self, erasure: OrganisationErasure, *, entry: AuditEntry) -> None:
        """With the organisation's status, in one commit. Raises StaleWrite when there is no such organisation, or when
        its erasure has begun already."""
        ...

    def close_access(self, organisation_id: str) -> None:
        """No key opens anything, and no invitation can be accepted."""
        ...

    def data_erased(self, organisation_id: str, environment: Environment) -> OrganisationErasure: ...

    def purge(self, organisation_id: str, *, until: datetime, clock: Clock) -> bool:
        """All but the audit, which loses what it knows of persons. False when `until` came first."""
        ...

    def finish(self, erasure: OrganisationErasure, *, entry: AuditEntry) -> None: ...


class OrganisationData(Protocol):
    """One environment's bank data."""

    def consents(self, organisation_id: str) -> Iterator[StoredConsent]: ...

    def purge(self, organisation_id: str, *, until: datetime, clock: Clock) -> bool: ...


def request_organisation_erasure(
    organisation_id: str,
    *,
    origin: Origin,
    environments: tuple[Environment, ...],
    erasures: OrganisationErasures,
    clock: Clock,
) -> OrganisationErasure:
    """Repeatable: the first request counts. The organisation's access ends here. Raises NotFound."""
    erasure = erasures.find(organisation_id)
    if erasure is None:
        now = clock.now()
        wanted = OrganisationErasure(
            organisation_id=organisation_id,
            requested_at=now,
            requested_by=origin.actor.id,
            waiting_for=environments,
        )
        with suppress(StaleWrite):
            erasures.begin(wanted, entry=_entry("organisation.erasure_requested", wanted, origin, at=now))
        erasure = erasures.find(organisation_id)
        if erasure is None:
            raise NotFound("There is no such organisation.")
    erasures.close_access(organisation_id)
    return erasure


def erase_organisation(
    erasure: OrganisationErasure,
    *,
    environment: Environment,
    until: datetime,
    erasures: OrganisationErasures,
    data: OrganisationData,
    outbox: Outbox,
    log: AuditLog,
    consents: Consents,
    banks: Banks,
    clock: Clock,
) -> OrganisationErasure:
    """As far as it comes before `until`."""
    organisation_id = erasure.organisation_id
    erasures.close_access(organisation_id)
    if clock.now() < erasure.may_begin_at:
        return erasure
    if environment in erasure.waiting_for:
        for stored in data.consents(organisation_id):
            if clock.now() >= until:
                return erasure
            _end(stored, consents=consents, banks=banks, clock=clock)
        relay_audit_of(organisation_id, outbox=outbox, log=log)
        if not data.purge(organisation_id, until=until, clock=clock):
            return erasure
        erasure = erasures.data_erased(organisation_id, environment)
    if erasure.waiting_for or not erasures.purge(organisation_id, until=until, clock=clock):
        return erasure
    now = clock.now()
    done = msgspec.structs.replace(erasure, erased_at=now)
    erasures.finish(done, entry=_entry("organisation.erased", done, Origin(actor=SYSTEM), at=now))
    return done


def _entry(action: Action, erasure: OrganisationErasure, origin: Origin, *, at: datetime) -> AuditEntry:
    return audit_entry(
        action,
        organisation_id=erasure.organisation_id,
        target_id=erasure.organisation_id,
        origin=origin,
        at=at,
    )


def _end(stored: StoredConsent, *, consents: Consents, banks: Banks, clock: Clock) -> None:
    """The bank is told first, and told again after a crash: once the consent is gone nobody could tell it."""
    for _ in range(_ATTEMPTS):
        consent = stored.consent
        for bank_consent_id in consent.unwanted:
            give_back(consent, bank_consent_id, banks=banks)
        if consent.status not in ("pending", "active"):
            return
        if consent.bank_consent_id is not None:
            give_back(consent, consent.bank_consent_id, banks=banks)
        if consent.renewal_under_way is not None:
            give_back(consent, consent.renewal_under_way.bank_consent_id, banks=banks)
        try:
            consents.save(ended(consent, status="revoked"), replacing=stored, at=clock.now())
            return
        except StaleWrite:
            found = consents.find(consent.organisation_id, consent.id)
            if found is None:
                return
            stored = found
