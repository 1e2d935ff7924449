"""What was asked to be erased, and how far it has come: facts and ids, never the data (GDPR Art. 17)."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from shared.domain.key_format import Environment

SETTLE = timedelta(minutes=2)
"""From the end of an organisation's access to the erasure of its data: no request that was let in still runs."""


class AccountErasure(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    account_id: str
    bank_id: str
    requested_at: datetime
    requested_by: str | None
    """A user's id."""
    erased_at: datetime | None = None
    """None while data may be left."""


class OrganisationErasure(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    organisation_id: str
    requested_at: datetime
    requested_by: str | None
    """A user's id."""
    waiting_for: tuple[Environment, ...]
    """The environments whose bank data may be left. The control plane's comes last."""
    erased_at: datetime | None = None

    @property
    def may_begin_at(self) -> datetime:
        return self.requested_at + SETTLE
