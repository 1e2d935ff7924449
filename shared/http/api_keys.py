"""`Authorization: ApiKey tok_…` to an organisation and its tier. Known keys are remembered for 30 seconds at most."""

from __future__ import annotations

import time
from collections import OrderedDict
from threading import Lock
from typing import Protocol

from shared.domain.api_keys import ApiKey, hash_key
from shared.domain.clock import Clock
from shared.domain.errors import InvalidApiKey
from shared.domain.key_format import Environment, environment_of
from shared.http.call import Caller

_CACHE_SECONDS = 30.0
_CACHE_SIZE = 10_000
_BASE_URLS = {"live": "https://api.tokapi.io/v1", "sandbox": "https://sandbox.api.tokapi.io/v1"}


class ApiKeys(Protocol):
    def find(self, key_hash: str) -> ApiKey | None: ...


class KeyUses(Protocol):
    def note(self, key: ApiKey) -> None:
        """That this key was used today. Never fails a request."""
        ...


class ApiKeyAuthenticator:
    def __init__(
        self, keys: ApiKeys, *, environment: Environment, clock: Clock, uses: KeyUses | None = None
    ) -> None:
        self._keys = keys
        self._uses = uses
        self._environment = environment
        self._clock = clock
        self._cache: OrderedDict[str, tuple[float, ApiKey]] = OrderedDict()
        self._lock = Lock()

    def authenticate(self, authorization: str | None) -> Caller:
        """Raises InvalidApiKey."""
        scheme, _, key = (authorization or "").partition(" ")
        key = key.strip()
        if scheme.lower() != "apikey" or not key:
            raise InvalidApiKey("API key missing. Send it as: Authorization: ApiKey tok_…")
        environment = environment_of(key)
        if environment is None:
            raise InvalidApiKey("The API key is malformed. Copy it again, whole.")
        if environment != self._environment:
            raise InvalidApiKey(
                f"This is a key for the {environment} environment. Use it with {_BASE_URLS[environment]}"
            )
        found = self._look_up(hash_key(key))
        if (
            found is None
            or found.environment != self._environment
            or not found.is_usable(at=self._clock.now())
        ):
            raise InvalidApiKey("The API key is unknown, expired or revoked.")
        if self._uses is not None:
            self._uses.note(found)
        return Caller(organisation_id=found.organisation_id, key_id=found.id, tier=found.tier)

    def _look_up(self, key_hash: str) -> ApiKey | None:
        now = time.monotonic()
        with self._lock:
            remembered = self._cache.get(key_hash)
            if remembered is not None and now - remembered[0] < _CACHE_SECONDS:
                return remembered[1]
        found = self._keys.find(key_hash)
        with self._lock:
            if found is None:
                self._cache.pop(key_hash, None)
            else:
                self._cache[key_hash] = (now, found)
                self._cache.move_to_end(key_hash)
                while len(self._cache) > _CACHE_SIZE:
                    self._cache.popitem(last=False)
        return found
