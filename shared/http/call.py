"""A request as a handler sees it, and what a handler answers."""

from __future__ import annotations

from typing import TypeVar

import flask
import msgspec

from shared.domain.organisations import Tier
from shared.domain.rate_limits import Verdict
from shared.http.body import parse_body, read_body
from shared.http.query import parse_query

T = TypeVar("T", bound=msgspec.Struct)


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Whose call it is: everything that it reads or writes is this organisation's."""

    organisation_id: str
    key_id: str
    tier: Tier


class Call:
    """One request. `caller` is set for operations that need an API key."""

    __slots__ = (
        "_caller", "_raw_body", "client_ip", "error_code", "path", "rate_limit", "request", "request_id",
    )  # fmt: skip

    def __init__(self, request: flask.Request, *, request_id: str, client_ip: str) -> None:
        self.request = request
        self.request_id = request_id
        self.client_ip = client_ip
        self.path: dict[str, str] = {}
        self.error_code: str | None = None
        self.rate_limit: Verdict | None = None
        """Once the organisation is known, where calls are limited."""
        self._caller: Caller | None = None
        self._raw_body: bytes | None = None

    @property
    def caller(self) -> Caller:
        if self._caller is None:
            raise RuntimeError("this operation is public: it has no caller")
        return self._caller

    def authenticated_as(self, caller: Caller) -> None:
        self._caller = caller

    @property
    def organisation_id(self) -> str:
        return self.caller.organisation_id

    @property
    def organisation_id_if_known(self) -> str | None:
        return self._caller.organisation_id if self._caller else None

    def query(self, kind: type[T], *, ignore_unknown: bool = False) -> T:
        """The query string as a Struct. Raises Invalid, naming the parameter."""
        return parse_query(self.request, kind, ignore_unknown=ignore_unknown)

    def body(self, kind: type[T]) -> T:
        """The JSON body as a Struct. Raises Invalid, naming the field."""
        return parse_body(self.request, self.raw_body, kind)

    @property
    def raw_body(self) -> bytes:
        """Raises PayloadTooLarge, and Invalid for a body that ended early."""
        if self._raw_body is None:
            self._raw_body = read_body(self.request)
        return self._raw_body


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    body: bytes = b""
    """JSON, or nothing."""
    headers: tuple[tuple[str, str], ...] = ()


_encoder = msgspec.json.Encoder(decimal_format="string")


def json_reply(value: object, *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    return Reply(status=status, body=_encoder.encode(value), headers=headers)
