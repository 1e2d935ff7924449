"""Cursors: where a listing goes on. Opaque, and bound to the organisation and the listing that they came from.

base64url of the position and 16 bytes of HMAC-SHA-256 over both: one that was cut, altered, or taken from another
account, list or organisation is refused.
"""

from __future__ import annotations

import base64
import binascii
import hmac

from shared.domain.errors import InvalidCursor

_MAC_BYTES = 16


class Cursors:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def encode(self, position: str, *, scope: tuple[str, ...]) -> str:
        raw = position.encode()
        return _base64url(self._mac(raw, scope) + raw)

    def decode(self, cursor: str, *, scope: tuple[str, ...]) -> str:
        """Raises InvalidCursor."""
        try:
            raw = base64.b64decode(
                cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True
            )
        except (binascii.Error, ValueError):
            raise InvalidCursor(_REFUSED) from None
        if _base64url(raw) != cursor:
            raise InvalidCursor(_REFUSED)
        mac, position = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(position, scope)):
            raise InvalidCursor(_REFUSED)
        return position.decode()

    def _mac(self, position: bytes, scope: tuple[str, ...]) -> bytes:
        message = b"\x1f".join([*(part.encode() for part in scope), position])
        return hmac.digest(self._key, message, "sha256")[:_MAC_BYTES]


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


_REFUSED = "The cursor is not one that this listing gave. Start again without a cursor."
