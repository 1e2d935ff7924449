"""JSON bodies to Structs. What is too large, of another type, or not JSON is refused before anything is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import flask
import msgspec

from shared.domain.errors import Invalid, PayloadTooLarge, UnsupportedMediaType
from shared.http.query import invalid_from
from shared.http.text import forbidden_character

T = TypeVar("T", bound=msgspec.Struct)

MAX_BYTES = 256 * 1024
_DRAINED_BYTES_MAX = 64 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024


def read_body(request: flask.Request) -> bytes:
    """The raw body. A body over the limit is read and thrown away, so that the client can read the answer."""
    declared = request.content_length
    if declared is None and not request.environ.get("wsgi.input_terminated"):
        return b""
    unread = _DRAINED_BYTES_MAX if declared is None else declared
    stream = request.environ["wsgi.input"]
    chunks: list[bytes] = []
    size = 0
    while unread > 0 and size < _DRAINED_BYTES_MAX:
        chunk = stream.read(min(_CHUNK_BYTES, unread))
        if not chunk:
            break
        unread -= len(chunk)
        size += len(chunk)
        if size <= MAX_BYTES:
            chunks.append(chunk)
    if size > MAX_BYTES:
        raise PayloadTooLarge(f"the body is larger than {MAX_BYTES // 1024} KiB")
    if declared is not None and unread > 0:
        raise Invalid("body", "ended before its Content-Length")
    return b"".join(chunks)


def parse_body(request: flask.Request, raw: bytes, kind: type[T]) -> T:
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("the body must be JSON, with Content-Type: application/json")
    if request.mimetype_params.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType("JSON is UTF-8")
    try:
        untyped = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        reason = "is nested too deeply" if isinstance(error, RecursionError) else "is not valid JSON"
        raise Invalid("body", reason) from None
    if not isinstance(untyped, dict):
        raise Invalid("body", "must be a JSON object")
    _refuse_forbidden(untyped, "")
    try:
        return msgspec.convert(untyped, kind)
    except msgspec.ValidationError as error:
        raise invalid_from(error) from None


def _refuse_forbidden(value: object, path: str) -> None:
    if isinstance(value, str):
        character = forbidden_character(value)
        if character:
            raise Invalid(path or "body", f"holds {character}")
    elif isinstance(value, Mapping):
        for name, item in value.items():
            if forbidden_character(name):
                raise Invalid(path or "body", "has a field whose name holds a control character")
            _refuse_forbidden(item, f"{path}.{name}" if path else name)
    elif isinstance(value, Sequence):
        for item in value:
            _refuse_forbidden(item, path)
