"""What a request makes, decided before it is made: ids and secrets that come out the same when it is done again.

A request with an Idempotency-Key that died half-way is taken up again with the same effect id, so that its key or
its invitation is made once and can still be shown.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import UTC, datetime, timedelta

import msgspec

from shared.domain.ids import Prefix, timed_id

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    nonce: str
    """256 random bits, hex."""

    @property
    def effect_id(self) -> str:
        return f"{(self.at - _EPOCH) // timedelta(milliseconds=1)}.{self.nonce}"

    def new_id(self, prefix: Prefix, label: str = "") -> str:
        return timed_id(prefix, self.nonce, label, at=self.at)

    def entropy(self, label: str, *, key: bytes) -> bytes:
        """64 bytes that nobody can tell without both the nonce and `key`, the environment's own."""
        return hmac.digest(key, f"{self.nonce}\n{label}".encode(), "sha512")


def new_effect(*, at: datetime) -> Effect:
    return Effect(at=at, nonce=secrets.token_hex(32))


def effect_from(effect_id: str) -> Effect:
    milliseconds, _, nonce = effect_id.partition(".")
    return Effect(at=_EPOCH + timedelta(milliseconds=int(milliseconds)), nonce=nonce)
