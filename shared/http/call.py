"""A request as a handler sees it, and what a handler answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import flask
import msgspec

from shared.domain.audit import Actor, Origin
from shared.domain.organisations import Tier
from shared.domain.rate_limits import Verdict
from shared.domain.roles import Role
from shared.domain.users import Identity
from shared.http.body import parse_body, read_body
from shared.http.query import parse_query

T = TypeVar("T", bound=msgspec.Struct)


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Whose call it is: everything that it reads or writes is this organisation's."""

    organisation_id: str
    key_id: str
    tier: Tier


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A user in the organisation that they act in."""

    organisation_id: str
    user_id: str
    role: Role
    tier: Tier


class Call:
    """One request. `caller` is set for operations that need an API key; `identity` for those that need a signed-in
    user, and `member` too where they act in an organisation."""

    __slots__ = (
        "_caller",
        "_identity",
        "_member",
        "_raw_body",
        "client_ip",
        "error_code",
        "path",
        "rate_limit",
        "request",
        "request_id",
    )

    def __init__(self, request: flask.Request, *, request_id: str, client_ip: str) -> None:
        self.request = request
        self.request_id = request_id
        self.client_ip = client_ip
        self.path: dict[str, str] = {}
        self.error_code: str | None = None
        self.rate_limit: Verdict | None = None
        """Once the organisation is known, where calls are limited."""
        self._caller: Caller | None = None
        self._identity: Identity | None = None
        self._member: Member | None = None
        self._raw_body: bytes | None = None

    @property
    def caller(self) -> Caller:
        if self._caller is None:
            raise RuntimeError("this operation is public: it has no caller")
        return self._caller

    def authenticated_as(self, caller: Caller) -> None:
        self._caller = caller

    @property
    def identity(self) -> Identity:
        if self._identity is None:
            raise RuntimeError("this operation takes no user")
        return self._identity

    @property
    def member(self) -> Member:
        if self._member is None:
            raise RuntimeError("this operation is in no organisation")
        return self._member

    def signed_in_as(self, identity: Identity, member: Member | None) -> None:
        self._identity, self._member = identity, member

    @property
    def organisation_id(self) -> str:
        return self._member.organisation_id if self._member else self.caller.organisation_id

    @property
    def organisation_id_if_known(self) -> str | None:
        known = self._member or self._caller
        return known.organisation_id if known else None

    @property
    def origin(self) -> Origin:
        """For the audit log: the user or the key; where neither is asked for, it is a PSU's browser."""
        if self._identity is not None:
            actor = Actor(kind="user", id=self._identity.user_id)
        elif self._caller is not None:
            actor = Actor(kind="key", id=self._caller.key_id)
        else:
            actor = Actor(kind="psu")
        return Origin(actor=actor, ip_address=self.client_ip or None, request_id=self.request_id)

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
    stream: Iterator[bytes] | None = None
    """In place of a body: sent as it comes. `headers` then name its Content-Type."""


_encoder = msgspec.json.Encoder(decimal_format="string")


def json_reply(value: object, *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    return Reply(status=status, body=_encoder.encode(value), headers=headers)
