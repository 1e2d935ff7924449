"""How an API key is written. Nothing but the standard library, so that the scan for secrets can tell a key too."""

from __future__ import annotations

import string
import zlib
from typing import Literal

Environment = Literal["live", "sandbox"]

RANDOM_LENGTH = 32
_CHECKSUM_LENGTH = 6
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase


def environment_of(key: str) -> Environment | None:
    """Which environment a key is for; None when it cannot be a key of ours."""
    environment: Environment
    if key.startswith("tok_live_"):
        environment = "live"
    elif key.startswith("tok_sandbox_"):
        environment = "sandbox"
    else:
        return None
    start, end = key[:-_CHECKSUM_LENGTH], key[-_CHECKSUM_LENGTH:]
    if len(key) != len(f"tok_{environment}_") + RANDOM_LENGTH + _CHECKSUM_LENGTH or not key.isascii():
        return None
    return environment if checksum(start) == end else None


def checksum(text: str) -> str:
    return base62(zlib.crc32(text.encode()), _CHECKSUM_LENGTH)


def base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
