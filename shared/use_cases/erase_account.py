"""Erase one account: its balances, its transactions and everything else that is kept of it (GDPR Art. 17).

The account is out of sight at once. Its documents go in batches; whatever is left when the time is up, or when the
process dies, goes with the next call or the next tick.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

import msgspec

from shared.domain.accounts import Account
from shared.domain.audit import SYSTEM, AuditEntry, Origin, audit_entry
from shared.domain.clock import Clock
from shared.domain.consent_changes import without_account
from shared.domain.consents import Consent
from shared.domain.erasures import AccountErasure
from shared.domain.errors import Conflict, NotFound, StaleWrite
from shared.use_cases.ports import StoredConsent

_ATTEMPTS = 10


class Accounts(Protocol):
    def find(self, organisation_id: str, account_id: str) -> Account | None: ...


class Consents(Protocol):
    def find(self, organisation_id: str, consent_id: str) -> StoredConsent | None: ...

    def save(self, consent: Consent, *, replacing: StoredConsent, at: datetime) -> StoredConsent: ...


class AccountErasures(Protocol):
    def find(self, organisation_id: str, account_id: str) -> AccountErasure | None: ...

    def begin(self, organisation_id: str, erasure: AccountErasure, *, entry: AuditEntry) -> None: ...

    def consents_of_bank(self, organisation_id: str, bank_id: str) -> Iterator[StoredConsent]: ...

    def hide(self, organisation_id: str, account_id: str) -> None:
        """The account and its head go in one commit: from then on nothing of it can be read."""
        ...

    def purge(self, organisation_id: str, account_id: str, *, until: datetime, clock: Clock) -> bool:
        """Everything else of the account. False when `until` came first."""
        ...

    def finish(self, organisation_id: str, erasure: AccountErasure, *, entry: AuditEntry) -> None: ...


def erase_account(
    organisation_id: str,
    account_id: str,
    *,
    origin: Origin,
    until: datetime,
    accounts: Accounts,
    erasures: AccountErasures,
    consents: Consents,
    clock: Clock,
) -> AccountErasure:
    """Repeatable; `erased_at` is None when something is left to do. Raises NotFound."""
    account = accounts.find(organisation_id, account_id)
    erasure = erasures.find(organisation_id, account_id)
    if account is not None and (erasure is None or erasure.erased_at is not None):
        erasure = AccountErasure(
            account_id=account_id,
            bank_id=account.bank_id,
            requested_at=clock.now(),
            requested_by=origin.actor.id,
        )
        erasures.begin(
            organisation_id,
            erasure,
            entry=audit_entry(
                "account.erasure_requested",
                organisation_id=organisation_id,
                target_id=account_id,
                origin=origin,
                at=erasure.requested_at,
            ),
        )
    if erasure is None:
        raise NotFound("There is no such account.")
    return go_on_erasing(
        organisation_id, erasure, until=until, erasures=erasures, consents=consents, clock=clock
    )


def go_on_erasing(
    organisation_id: str,
    erasure: AccountErasure,
    *,
    until: datetime,
    erasures: AccountErasures,
    consents: Consents,
    clock: Clock,
) -> AccountErasure:
    """What is left of an erasure that has begun. Consents first: no sync may write the account again."""
    if erasure.erased_at is not None:
        return erasure
    for stored in erasures.consents_of_bank(organisation_id, erasure.bank_id):
        _detach(stored, erasure.account_id, consents=consents, clock=clock)
    erasures.hide(organisation_id, erasure.account_id)
    if not erasures.purge(organisation_id, erasure.account_id, until=until, clock=clock):
        return erasure
    now = clock.now()
    done = msgspec.structs.replace(erasure, erased_at=now)
    entry = audit_entry(
        "account.erased",
        organisation_id=organisation_id,
        target_id=erasure.account_id,
        origin=Origin(actor=SYSTEM),
        at=now,
    )
    erasures.finish(organisation_id, done, entry=entry)
    return done


def _detach(stored: StoredConsent, account_id: str, *, consents: Consents, clock: Clock) -> None:
    for _ in range(_ATTEMPTS):
        detached = without_account(stored.consent, account_id)
        if detached == stored.consent:
            return
        try:
            consents.save(detached, replacing=stored, at=clock.now())
            return
        except StaleWrite:
            found = consents.find(stored.consent.organisation_id, stored.consent.id)
            if found is None:
                return
            stored = found
    raise Conflict("The account is being read again and again. Nothing of it was erased; try again.")
