"""What the bank stores. A record's key is its document's id; secrets appear only as fingerprints, in keys."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

import msgspec

ConsentStatus = Literal["received", "rejected", "valid", "revokedByPsu", "expired", "terminatedByTpp"]
ScaStatus = Literal["received", "psuIdentified", "psuAuthenticated", "finalised", "failed"]
Right = Literal["accounts", "balances", "transactions"]


class Consent(msgspec.Struct, kw_only=True):
    """A consent of the standard, or a mandate of the bilateral interface."""

    id: str
    bank: str
    client_id: str
    status: ConsentStatus
    rights: tuple[Right, ...]
    asked_ibans: tuple[str, ...]
    """Empty: the PSU chooses among all accounts."""
    access: dict[str, object]
    """As the TPP asked for it."""
    recurring: bool
    valid_until: date
    frequency_per_day: int
    created_at: datetime
    last_action_on: date
    authorisation_id: str
    sca_status: ScaStatus
    person: str | None = None
    ibans: tuple[str, ...] = ()
    """The accounts that the PSU agreed to."""
    sca_at: datetime | None = None
    clock_offset_seconds: int = 0
    """How far its TPP has moved the clock: the greatest offset that came with any call about it."""


class ScaSession(msgspec.Struct, kw_only=True):
    """One PSU on the bank's pages. Key: fingerprint of the session cookie."""

    bank: str
    consent_id: str
    client_id: str
    parameters: dict[str, str]
    """Of the OAuth2 authorization request."""
    step: Literal["login", "code", "consent", "done"]
    expires_at: datetime
    person: str | None = None
    failures: int = 0


class Grant(msgspec.Struct, kw_only=True):
    """One authorization and every token that descends from it. Key: its id."""

    consent_id: str
    client_id: str
    expires_at: datetime
    revoked: bool = False
    live_key: str | None = None
    """Of the refresh token that is next to be used. None: the first one, which nobody has used yet."""
    rotated_key: str | None = None
    """Of the one that the live one replaced."""
    rotated_at: datetime | None = None


class Code(msgspec.Struct, kw_only=True):
    """Key: fingerprint of the authorization code."""

    bank: str
    client_id: str
    consent_id: str
    grant_id: str
    person: str
    scope: str
    redirect_uri: str
    code_challenge: str
    expires_at: datetime
    used: bool = False


class Token(msgspec.Struct, kw_only=True):
    """Key: fingerprint of the token."""

    kind: Literal["access", "refresh"]
    bank: str
    client_id: str
    consent_id: str
    grant_id: str
    person: str
    scope: str
    expires_at: datetime


class Reads(msgspec.Struct, kw_only=True):
    """Unattended reads of one endpoint, oldest first. Key: consent and endpoint."""

    at: tuple[datetime, ...]
    expires_at: datetime


class FirstTry(msgspec.Struct, kw_only=True):
    """Marks that a call of this kind has gone wrong once already. Key: consent and endpoint."""

    expires_at: datetime
