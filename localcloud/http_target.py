"""HTTP calls that Tasks and Scheduler make: what a target may be, and how an attempt ends.

Only loopback is ever called: a local platform that reached out could do real things to real systems.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from grpc import StatusCode
from multidict import CIMultiDict
from yarl import URL

from localcloud.grpc_server import Message, failed_precondition, invalid, unserved

_MAX_URL_CHARACTERS = 2083
_MAX_HEADERS_BYTES = 80 * 1024
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token, RFC 9110 5.6.2
_NOT_IN_HEADER_VALUE = re.compile(r"[\r\n\0]")
_WITH_BODY = {"POST", "PUT", "PATCH"}
_REPLACED = {"host", "content-length", "user-agent", "transfer-encoding", "connection"}
_REPLACED_PREFIXES = ("x-google-", "x-appengine-")

_CODES = {
    400: StatusCode.INVALID_ARGUMENT,
    401: StatusCode.UNAUTHENTICATED,
    403: StatusCode.PERMISSION_DENIED,
    404: StatusCode.NOT_FOUND,
    408: StatusCode.DEADLINE_EXCEEDED,
    409: StatusCode.ABORTED,
    429: StatusCode.RESOURCE_EXHAUSTED,
    500: StatusCode.INTERNAL,
    501: StatusCode.UNIMPLEMENTED,
    503: StatusCode.UNAVAILABLE,
    504: StatusCode.DEADLINE_EXCEEDED,
}


@dataclass(frozen=True)
class Outcome:
    """`status` is the HTTP status, None when no reply came; `code` and `reason` are the google.rpc.Status of it."""

    status: int | None
    code: int
    reason: str
    retry_after_seconds: float = 0.0

    @property
    def succeeded(self) -> bool:
        return self.status is not None and 200 <= self.status <= 299


def check_target(*, url: str, method: str, headers: Mapping[str, str], body: bytes, field: str) -> None:
    """Refuse (INVALID_ARGUMENT) what Google refuses, and whatever is not on loopback."""
    if not url.startswith(("http://", "https://")):
        raise invalid(f'{field} must start with "http://" or "https://".')
    if len(url) > _MAX_URL_CHARACTERS:
        raise invalid(f"{field} must not be longer than {_MAX_URL_CHARACTERS} characters.")
    try:
        host = URL(url).host or ""
    except ValueError:
        raise invalid(f"{field} is not a valid URL.") from None
    if not _is_loopback(host):
        raise invalid(f"{field} must name a host on loopback: the local platform does not call {host!r}.")
    if body and method not in _WITH_BODY:
        raise invalid("A body is allowed only if the HTTP method is POST, PUT, or PATCH.")
    if sum(len(name) + len(value) for name, value in headers.items()) > _MAX_HEADERS_BYTES:
        raise invalid("The total size of headers must be less than 80KB.")
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or _NOT_IN_HEADER_VALUE.search(value):
            raise invalid(f"Header {name!r} is not a valid HTTP header.")


def check_tokens(target: Message, *, field: str, has_identity: bool) -> None:
    """Refuse a token that nobody here could make."""
    if target.HasField("oauth_token"):
        raise unserved(f"{field}.oauth_token")
    if target.HasField("oidc_token"):
        if not target.oidc_token.service_account_email:
            raise invalid("oidc_token.service_account_email must be set.")
        if not has_identity:
            raise failed_precondition("oidc_token needs an identity server: start this one with --identity.")


def outgoing_headers(asked: Mapping[str, str], *, user_agent: str, reserved_prefix: str) -> CIMultiDict[str]:
    """The asked headers without those that Google sets itself."""
    reserved = (reserved_prefix, *_REPLACED_PREFIXES)
    headers = CIMultiDict(
        {
            name: value
            for name, value in asked.items()
            if name.lower() not in _REPLACED and not name.lower().startswith(reserved)
        }
    )
    headers["User-Agent"] = user_agent
    return headers


def new_session() -> aiohttp.ClientSession:
    """Without proxies, cookies or kept connections: a worker that restarts must not fail the next call to it."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
    )


async def call(
    session: aiohttp.ClientSession,
    *,
    method: str,
    url: str,
    headers: CIMultiDict[str],
    body: bytes,
    timeout_seconds: float,
) -> Outcome:
    """One attempt. A redirect is not followed (it could lead off loopback) and counts as a failure."""
    try:
        async with session.request(
            method,
            URL(url),
            headers=headers,
            data=body or None,
            skip_auto_headers=("Content-Type",),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=timeout_seconds),
        ) as reply:
            async for _ in reply.content.iter_chunked(65_536):
                pass  # the answer's end belongs to the attempt, what it says does not matter
            return answered(reply.status, retry_after=reply.headers.get("Retry-After", ""))
    except TimeoutError:
        return unanswered(StatusCode.DEADLINE_EXCEEDED, "the target did not answer within the deadline")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return unanswered(StatusCode.UNAVAILABLE, f"the target could not be reached: {type(error).__name__}")


def answered(status: int, *, retry_after: str = "") -> Outcome:
    if 200 <= status <= 299:
        return Outcome(status=status, code=0, reason="")
    code = _CODES.get(status, StatusCode.UNKNOWN)
    wait = float(retry_after) if retry_after.isascii() and retry_after.isdecimal() else 0.0
    return Outcome(
        status=status, code=number_of(code), reason=f"HTTP status code {status}", retry_after_seconds=wait
    )


def unanswered(code: StatusCode, reason: str) -> Outcome:
    return Outcome(status=None, code=number_of(code), reason=f"{code.name}: {reason}")


def number_of(code: StatusCode) -> int:
    number: int = code.value[0]
    return number


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
