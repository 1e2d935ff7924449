"""Responses put together from serialised parts, so that a large stored document is serialised once and never copied."""

from __future__ import annotations

from typing import Any

_LENGTH_DELIMITED = 2


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


class EmbeddedField:
    """One message field of a response class."""

    def __init__(self, response: Any, name: str) -> None:
        number = response.DESCRIPTOR.fields_by_name[name].number
        self._tag = _varint(number << 3 | _LENGTH_DELIMITED)

    def __call__(self, message: Any) -> bytes:
        """The message as this field's bytes; concatenated fields make one serialised response."""
        raw: bytes = message.SerializeToString()
        return b"".join((self._tag, _varint(len(raw)), raw))
