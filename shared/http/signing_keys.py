"""An issuer's public keys: kept for an hour, asked for again when a token names one that is not known.

At most one question every ten seconds, answered or not, whatever tokens come in: nobody can make an instance flood the
issuer. While it is out of reach, the keys at hand serve for a day.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

ALGORITHM = "RS256"
_FRESH_SECONDS = 3600.0
_SERVE_SECONDS = 24 * 3600.0
_PAUSE_SECONDS = 10.0
_RSA_BITS_MIN = 2048


class KeysUnavailable(Exception):
    """The issuer's keys cannot be had."""


class _KeySet(msgspec.Struct):
    keys: list[dict[str, object]]


class SigningKeys:
    """`fetch` answers a JWK set (RFC 7517) or raises OSError."""

    def __init__(
        self, fetch: Callable[[], bytes], *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._keys: dict[str, RSAKey] = {}
        self._fetched_at = float("-inf")
        self._asked_at = float("-inf")
        self._lock = Lock()

    def find(self, key_id: str) -> RSAKey | None:
        """None for a key that the issuer does not have. Raises KeysUnavailable."""
        if not self._is_wanting(key_id):
            return self._keys[key_id]
        with self._lock:
            if self._is_wanting(key_id) and self._monotonic() - self._asked_at >= _PAUSE_SECONDS:
                self._ask()
        if self._monotonic() - self._fetched_at > _SERVE_SECONDS:
            raise KeysUnavailable
        return self._keys.get(key_id)

    def _is_wanting(self, key_id: str) -> bool:
        return key_id not in self._keys or self._monotonic() - self._fetched_at > _FRESH_SECONDS

    def _ask(self) -> None:
        self._asked_at = self._monotonic()
        try:
            published = msgspec.json.decode(self._fetch(), type=_KeySet).keys
        except (OSError, msgspec.DecodeError):
            return
        keys = {key_id: key for key_id, key in map(_signing_key, published) if key is not None}
        if keys:
            self._keys, self._fetched_at = keys, self._asked_at


def _signing_key(published: dict[str, object]) -> tuple[str, RSAKey | None]:
    """Whatever else an issuer publishes is no key for us (RFC 7517 §5)."""
    key_id = published.get("kid")
    if (
        not isinstance(key_id, str)
        or published.get("kty") != "RSA"
        or published.get("use", "sig") != "sig"
        or published.get("alg", ALGORITHM) != ALGORITHM
    ):
        return "", None
    try:
        key = RSAKey.import_key({name: str(published[name]) for name in ("kty", "kid", "n", "e")})
    except (JoseError, ValueError, KeyError, TypeError):
        return key_id, None
    return key_id, (key if key.public_key.key_size >= _RSA_BITS_MIN else None)
