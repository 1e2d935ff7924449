"""The edge that every function shares: a request in, exactly one well-formed reply out.

Request id, the caller's key, typed input, the error envelope, headers and one log line are here and nowhere else.
No exception leaves as HTML, and none without a line that says what happened.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Literal, Protocol

import flask
import msgspec
from werkzeug.exceptions import MethodNotAllowed as NoSuchMethod
from werkzeug.exceptions import NotFound as NoSuchPath
from werkzeug.routing import Map, RequestRedirect, Rule

from shared.domain.errors import InvalidApiKey, MethodNotAllowed, NotFound, RateLimited, TokError
from shared.domain.ids import new_id
from shared.domain.organisations import Tier
from shared.domain.rate_limits import Verdict
from shared.domain.roles import Permission
from shared.domain.users import Identity, require_permission
from shared.http.call import Call, Caller, Member, Reply, json_reply
from shared.http.client_address import client_address
from shared.http.errors import INTERNAL, error_reply
from shared.http.gateway_token import require_invoker
from shared.http.log import logger
from shared.http.rate_limit import rate_limit_headers
from shared.settings import Settings

Handler = Callable[[Call], Reply]


ORGANISATION_HEADER = "X-Organisation-Id"


class _Operation(msgspec.Struct, frozen=True, kw_only=True):
    handler: Handler
    access: Literal["public", "key", "user"]
    permission: Permission | None
    """What a user must be allowed in an organisation; None asks for a user and no organisation."""
    takes_query: bool


class _NoQuery(msgspec.Struct, frozen=True):
    """Operations without parameters refuse them: a typo must not pass silently."""


_JSON = ("Content-Type", "application/json")
_HEALTH_PATH = "/health"
_ALWAYS = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Strict-Transport-Security", "max-age=63072000; includeSubDomains"),
)


class Authenticator(Protocol):
    def authenticate(self, authorization: str | None) -> Caller:
        """Raises InvalidApiKey."""
        ...


class Limiter(Protocol):
    def take(self, organisation_id: str, tier: Tier) -> Verdict: ...


class Users(Protocol):
    def authenticate(self, authorization: str | None) -> Identity:
        """Raises InvalidToken."""
        ...

    def member_of(self, identity: Identity, organisation_id: str | None) -> Member:
        """In the named organisation, or in the only one. Raises NotFound, and Invalid when none of several is named."""
        ...


class Api:
    """The operations of one function: `authenticator` knows keys, `users` knows signed-in users. Neither is there
    where no client calls (tasks, the scheduler).

    `limiter` is asked once for every request whose organisation is known, also where a key's holder asks for an
    operation that there is not.
    """

    def __init__(
        self,
        function: str,
        *,
        settings: Settings,
        authenticator: Authenticator | None,
        limiter: Limiter | None = None,
        users: Users | None = None,
    ) -> None:
        self._settings = settings
        self._authenticator = authenticator
        self._limiter = limiter
        self._users = users
        self._log = logger(function)
        self._routes = Map(strict_slashes=True, merge_slashes=False, redirect_defaults=False)
        self._paths = self._routes.bind("")
        self._operations: dict[str, _Operation] = {}

    def operation(
        self, method: str, path: str, *, public: bool = False, takes_query: bool = False
    ) -> Callable[[Handler], Handler]:
        """Serve `method path` with the decorated handler; `public` ones take calls without an API key.

        A handler that `takes_query` reads `call.query`; for the others any query parameter is refused here.
        """

        access: Literal["public", "key"] = "public" if public or self._authenticator is None else "key"
        return self._register(method, path, access=access, permission=None, takes_query=takes_query)

    def user_operation(
        self, method: str, path: str, *, permission: Permission | None, takes_query: bool = False
    ) -> Callable[[Handler], Handler]:
        """As `operation`, for a signed-in user who may do this in the organisation that they act in; without a
        `permission`, for any signed-in user, in no organisation."""
        return self._register(method, path, access="user", permission=permission, takes_query=takes_query)

    def _register(
        self,
        method: str,
        path: str,
        *,
        access: Literal["public", "key", "user"],
        permission: Permission | None,
        takes_query: bool,
    ) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            name = handler.__name__
            self._operations[name] = _Operation(
                handler=handler, access=access, permission=permission, takes_query=takes_query
            )
            self._routes.add(Rule(path, methods=[method], endpoint=name))
            return handler

        return register

    def __call__(self, request: flask.Request) -> flask.Response:
        started = time.perf_counter_ns()
        client_ip = client_address(
            request.headers.get("X-Forwarded-For"),
            peer=request.remote_addr,
            trusted_proxies=self._settings.trusted_proxies,
            known_proxies=self._settings.known_proxies,
        )
        call = Call(request, request_id=new_id("req"), client_ip=client_ip)
        name = None
        try:
            require_invoker(request.headers.get("Authorization"), invokers=self._settings.invokers)
            if request.path == _HEALTH_PATH:
                return self._respond(call, json_reply({"status": "ok"}))
            try:
                name, call.path = self._match(request)
            except (NotFound, MethodNotAllowed):
                self._limit_if_known(call)
                raise
            operation = self._operations[name]
            self._authenticate(call, operation)
            if not operation.takes_query:
                call.query(_NoQuery)
            reply = operation.handler(call)
        except TokError as error:
            reply, kind = error_reply(error, request_id=call.request_id)
            call.error_code = kind.code
        except Exception as error:
            reply, _ = error_reply(error, request_id=call.request_id)
            call.error_code = INTERNAL.code
            self._log.exception("unexpected", requestId=call.request_id, operation=name)
        response = self._respond(call, reply)
        self._log.info(
            "request",
            requestId=call.request_id,
            operation=name,
            organisation=call.organisation_id_if_known,
            method=request.method,
            status=reply.status,
            code=call.error_code,
            durationUs=(time.perf_counter_ns() - started) // 1000,
        )
        return response

    def _match(self, request: flask.Request) -> tuple[str, dict[str, str]]:
        try:
            endpoint, arguments = self._paths.match(request.path, request.method)
        except NoSuchMethod as refusal:
            allowed = tuple(sorted(refusal.valid_methods or ()))
            raise MethodNotAllowed(
                f"{request.method} is not supported here. Supported: {', '.join(allowed)}", allowed=allowed
            ) from None
        except (NoSuchPath, RequestRedirect):
            raise NotFound("There is no such path in this API.") from None
        return endpoint, dict(arguments)

    def _authenticate(self, call: Call, operation: _Operation) -> None:
        if operation.access == "key":
            self._authenticate_key(call)
        elif operation.access == "user":
            if self._users is None:
                raise RuntimeError("no users")
            identity = self._users.authenticate(call.request.headers.get("X-Forwarded-Authorization"))
            if operation.permission is None:
                call.signed_in_as(identity, None)
                return
            member = self._users.member_of(identity, call.request.headers.get(ORGANISATION_HEADER))
            call.signed_in_as(identity, member)
            self._limit(call, member.organisation_id, member.tier)
            require_permission(member.role, operation.permission)

    def _authenticate_key(self, call: Call) -> None:
        if self._authenticator is None:
            raise RuntimeError("no authenticator")
        caller = self._authenticator.authenticate(call.request.headers.get("X-Forwarded-Authorization"))
        call.authenticated_as(caller)
        self._limit(call, caller.organisation_id, caller.tier)

    def _limit(self, call: Call, organisation_id: str, tier: Tier) -> None:
        if self._limiter is None:
            return
        call.rate_limit = verdict = self._limiter.take(organisation_id, tier)
        if verdict.refused_by is not None:
            raise RateLimited(_refusal(verdict), retry_after_seconds=verdict.retry_after_seconds)

    def _limit_if_known(self, call: Call) -> None:
        """Where nothing is served: a key that is good counts, and one that is not is no matter."""
        if self._authenticator is not None:
            with contextlib.suppress(InvalidApiKey):
                self._authenticate_key(call)

    def _respond(self, call: Call, reply: Reply) -> flask.Response:
        headers = [("X-Request-Id", call.request_id), *_ALWAYS, *reply.headers]
        if call.rate_limit is not None:
            headers += rate_limit_headers(call.rate_limit)
        if reply.stream is not None:
            return flask.Response(self._watched(reply.stream, call), reply.status, headers)
        if reply.body:
            headers.append(_JSON)
            return flask.Response(reply.body, reply.status, headers)
        response = flask.Response(status=reply.status, headers=headers)
        del response.headers["Content-Type"]
        return response

    def _watched(self, stream: Iterator[bytes], call: Call) -> Iterator[bytes]:
        """The status has been sent: all that a failure can still do is to end the reply short, and be told here."""
        try:
            yield from stream
        except Exception:
            self._log.exception("unexpected in a stream", requestId=call.request_id)
            raise


def _refusal(verdict: Verdict) -> str:
    limit = verdict.limit
    reached = (
        f"{limit.per_minute:,} requests a minute"
        if verdict.refused_by == "minute"
        else f"{limit.burst:,} requests at once"
    )
    return (
        f"Your organisation has reached its limit of {reached}. Try again in {verdict.retry_after_seconds} s."
    )
