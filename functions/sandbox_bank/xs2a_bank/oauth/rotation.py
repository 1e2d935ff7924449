"""Refresh tokens rotate: each use makes the next one (RFC 9700 section 4.14.2)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from authlib.oauth2.rfc6749 import InvalidGrantError

from xs2a_bank.records import Grant, Token
from xs2a_bank.store import Changed

if TYPE_CHECKING:
    from xs2a_bank.oauth.server import BankAuthorizationServer

RETRY_WITHIN = timedelta(seconds=60)
"""An answer can get lost on its way: so long the token that was rotated last may be used again."""
_ATTEMPTS = 8


def rotate(server: BankAuthorizationServer, token: Token, *, used: str, successor: str) -> None:
    """Puts `successor` (a fingerprint, as `used`) in the place of the family's live token.

    The family's one record decides, so that of uses at the same moment each sees the one before it. A retry
    puts its successor in the place of the lost one, which nobody has used. Raises InvalidGrantError, and ends the
    family, for every other use of a token that is not live.
    """
    store = server.context.store
    for _ in range(_ATTEMPTS):
        stored = store.get(Grant, token.grant_id)
        if stored is None or stored.record.revoked:
            raise InvalidGrantError("The grant was revoked.")
        rotated_at = _rotated_at(stored.record, used, now=server.context.clock.now(token.client_id))
        if rotated_at is None:
            server.revoke_grant(token.grant_id)
            raise InvalidGrantError("The refresh token was used before.")
        rotated = msgspec.structs.replace(
            stored.record, live_key=successor, rotated_key=used, rotated_at=rotated_at
        )
        try:
            store.replace(stored, rotated)
        except Changed:
            continue
        return
    raise InvalidGrantError("The refresh token is being used by others.")


def _rotated_at(grant: Grant, used: str, *, now: datetime) -> datetime | None:
    """When the token in use was first rotated; None where its use is a reuse."""
    if grant.live_key in (None, used):
        return now
    if grant.rotated_key != used or grant.rotated_at is None or now > grant.rotated_at + RETRY_WITHIN:
        return None
    return grant.rotated_at
