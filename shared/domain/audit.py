"""The audit log: who did what, when, from where. Append-only; ids and facts, never names, addresses or bank data."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from shared.domain.consents import Consent, Happened
from shared.domain.ids import timed_id

Action = Literal[
    "organisation.created",
    "organisation.updated",
    "organisation.tier_changed",
    "organisation.exported",
    "organisation.erasure_requested",
    "organisation.erased",
    "user.invited",
    "user.joined",
    "user.role_changed",
    "user.removed",
    "user.left",
    "invitation.withdrawn",
    "key.created",
    "key.rotated",
    "key.revoked",
    "consent.created",
    "consent.activated",
    "consent.renewal_started",
    "consent.renewed",
    "consent.renewal_failed",
    "consent.failed",
    "consent.expired",
    "consent.revoked",
    "account.erasure_requested",
    "account.erased",
]
ActorKind = Literal["user", "key", "psu", "bank", "system", "operator"]


class Actor(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    kind: ActorKind
    id: str | None = None
    """usr_…, key_…, a bank's id or an operator's name. A PSU has none: Tok does not know who they are."""


SYSTEM = Actor(kind="system")


class Origin(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Who asks for a change, from where, and in which request."""

    actor: Actor
    ip_address: str | None = None
    request_id: str | None = None


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    organisation_id: str
    at: datetime
    action: str
    """An Action when it was written; a log is read by older and newer versions too."""
    actor: Actor
    ip_address: str | None
    request_id: str | None
    target_id: str
    """What it was done to: an organisation, user, invitation, key, consent or account."""
    details: dict[str, str] = {}


def audit_entry(
    action: Action,
    *,
    organisation_id: str,
    target_id: str,
    origin: Origin,
    at: datetime,
    details: dict[str, str] | None = None,
) -> AuditEntry:
    """Its id depends on what is told alone, so that the same thing told twice is one entry."""
    return AuditEntry(
        id=timed_id("aud", organisation_id, action, target_id, origin.request_id or "", at=at),
        organisation_id=organisation_id,
        at=at,
        action=action,
        actor=origin.actor,
        ip_address=origin.ip_address,
        request_id=origin.request_id,
        target_id=target_id,
        details=details or {},
    )


def consent_entry(consent: Consent, *, happened: Happened, origin: Origin | None, at: datetime) -> AuditEntry:
    """What happened to the consent, with the revision that it made.

    Without an origin it was found out in the background: time runs out by itself, and the rest is the bank's word.
    """
    action = _CONSENT_ACTIONS[happened]
    if origin is None:
        actor = SYSTEM if action == "consent.expired" else Actor(kind="bank", id=consent.bank_id)
        origin = Origin(actor=actor)
    fault = consent.renewal.fault if happened == "renewal_failed" and consent.renewal else consent.fault
    return AuditEntry(
        id=timed_id("aud", consent.organisation_id, consent.id, str(consent.revision), at=at),
        organisation_id=consent.organisation_id,
        at=at,
        action=action,
        actor=origin.actor,
        ip_address=origin.ip_address,
        request_id=origin.request_id,
        target_id=consent.id,
        details={"bankId": consent.bank_id} | ({"code": fault.code} if fault else {}),
    )


_CONSENT_ACTIONS: dict[Happened, Action] = {
    "created": "consent.created",
    "activated": "consent.activated",
    "renewal_started": "consent.renewal_started",
    "renewed": "consent.renewed",
    "renewal_failed": "consent.renewal_failed",
    "expired": "consent.expired",
    "revoked": "consent.revoked",
    "failed": "consent.failed",
}
