"""The two RSA keys that sign identity tokens: the newer one signs, the one before it still verifies.

Kept in `NAME-keys.json` (mode 0600). A key is replaced after `rotate_after_seconds`, and goes away one rotation
later; tokens live for an hour, so that a period of an hour or more never strands one.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

from joserfc.jwk import RSAKey

from localcloud.clock import Clock

_KEY_BITS = 2048


class SigningKeys:
    def __init__(
        self, data: Path, *, clock: Clock, rotate_after_seconds: int, name: str = "identity"
    ) -> None:
        self._path = data / f"{name}-keys.json"
        self._clock = clock
        self._rotate_after_us = rotate_after_seconds * 1_000_000
        data.mkdir(parents=True, exist_ok=True)
        if self._path.exists():
            stored = json.loads(self._path.read_text())
            self._keys = [RSAKey.import_key(key) for key in stored["keys"]]
            self._rotated_us: int = stored["rotatedUs"]
        else:
            self._keys = [_new_key(), _new_key()]
            self._rotated_us = clock.now_us()
            self._save()

    def signing_key(self) -> RSAKey:
        self._rotate_if_due()
        return self._keys[0]

    def public_jwks(self) -> dict[str, Any]:
        """RFC 7517 key set, the newest first."""
        self._rotate_if_due()
        return {"keys": [key.as_dict(private=False) for key in self._keys]}

    def _rotate_if_due(self) -> None:
        if self._clock.now_us() - self._rotated_us >= self._rotate_after_us:
            self._keys = [_new_key(), self._keys[0]]
            self._rotated_us = self._clock.now_us()
            self._save()

    def _save(self) -> None:
        stored = {"rotatedUs": self._rotated_us, "keys": [key.as_dict(private=True) for key in self._keys]}
        draft = self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            json.dump(stored, file)
        draft.replace(self._path)


def _new_key() -> RSAKey:
    parameters: Any = {"kid": secrets.token_hex(20), "use": "sig", "alg": "RS256"}
    return RSAKey.generate_key(_KEY_BITS, parameters=parameters, private=True)
