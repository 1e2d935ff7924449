"""HTTP to a bank: bounded in time and size, no redirects, JSON only, and never to a host that is not the bank's.

What a bank answers wrongly becomes a BankError here; statuses from 400 to 499 are for the protocol to judge.
Nothing here logs, and no error carries a payload.
"""

from __future__ import annotations

import logging
import time
import uuid
import zlib
from collections.abc import Mapping
from decimal import Decimal
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import httpx
import msgspec

from shared.banks.failures import retry_at
from shared.banks.profile import BankSetup
from shared.domain.clock import Clock, SystemClock
from shared.domain.errors import BankTimeout, BankUnavailable

MAX_BODY_BYTES = 10 * 1024 * 1024
CLOCK_OFFSET_HEADER = "Sandbox-Clock-Offset-Seconds"
"""Tells the sandbox's bank, and no other, how far the organisation has moved its clock."""
_DEFAULT_PORTS = {"http": 80, "https": 443}
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
"""Numbers with a fraction stay exact."""
_SYSTEM_CLOCK = SystemClock()

# httpx logs every URL, and a bank's URLs may hold IBANs.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)


class Reply(msgspec.Struct, frozen=True):
    """An answer below 500. `body` is decoded JSON, or None where the bank sent nothing."""

    status: int
    headers: Mapping[str, str]
    body: Any
    is_json: bool

    def __repr__(self) -> str:
        return f"Reply({self.status})"


class BankHttp:
    """One per connector; safe to share between threads."""

    def __init__(
        self,
        setup: BankSetup,
        *,
        clock: Clock = _SYSTEM_CLOCK,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._clock = clock
        self._bank_id = setup.profile.id
        self._timeout_seconds = min(setup.timeout_seconds, setup.profile.timeout_seconds)
        self._trusted_origins = {_origin(setup.base_url), _origin(setup.issuer)}
        self._client = httpx.Client(
            transport=transport,
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": "Tok",
                **(
                    {CLOCK_OFFSET_HEADER: str(setup.clock_offset_seconds)}
                    if setup.clock_offset_seconds
                    else {}
                ),
            },
            timeout=httpx.Timeout(
                self._timeout_seconds,
                connect=min(setup.profile.connect_timeout_seconds, self._timeout_seconds),
            ),
            limits=httpx.Limits(max_connections=16, max_keepalive_connections=8, keepalive_expiry=30),
            follow_redirects=False,
            # No cookies: what a bank sets for one PSU must not come back with another's call.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            trust_env=False,
        )

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Reply:
        """Raises BankUnavailable (out of reach, 3xx, 5xx, not JSON) and BankTimeout."""
        self.own(url)
        deadline = time.monotonic() + self._timeout_seconds
        try:
            with self._client.stream(
                method,
                url,
                headers={"X-Request-ID": str(uuid.uuid4()), **(headers or {})},
                params=params,
                json=json,
                data=form,
            ) as response:
                if response.status_code >= 500:
                    raise BankUnavailable(
                        self._bank_id,
                        f"The bank answered {response.status_code}.",
                        retry_at=retry_at(response.headers.get("retry-after"), now=self._clock.now()),
                    )
                if not (200 <= response.status_code < 300 or response.status_code >= 400):
                    raise self._unavailable("answered with a redirect")
                return self._reply(response, self._read(response, deadline=deadline))
        except (httpx.ConnectTimeout, httpx.PoolTimeout):
            # Nothing was sent, so the outcome is known.
            raise self._unavailable("is out of reach") from None
        except httpx.TimeoutException:
            raise BankTimeout(self._bank_id, "The bank did not answer in time.") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, UnicodeError):
            raise self._unavailable("is out of reach") from None

    def own(self, url: str) -> str:
        """The URL itself, when it is on the bank's own origin: a token must never go to another host."""
        try:
            trusted = _origin(url) in self._trusted_origins
        except ValueError:
            trusted = False
        if not trusted:
            raise self._unavailable("gave a link to a foreign host")
        return url

    def resolve(self, base: str, href: str) -> str:
        """A bank's link, absolute or relative to `base`, on the bank's own origin."""
        try:
            resolved = urljoin(base, href)
        except ValueError:
            raise self._unavailable("gave a broken link") from None
        return self.own(resolved)

    def _read(self, response: httpx.Response, *, deadline: float) -> bytes:
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip"):
            raise self._unavailable("answered in an encoding that was not asked for")
        inflater = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
        body = bytearray()
        for chunk in response.iter_raw():
            if time.monotonic() > deadline:
                raise BankTimeout(self._bank_id, "The bank did not answer in time.")
            room = MAX_BODY_BYTES + 1 - len(body)
            try:
                body += inflater.decompress(chunk, room) if inflater else chunk[:room]
            except zlib.error:
                raise self._unavailable("answered with broken data") from None
            if len(body) > MAX_BODY_BYTES:
                raise self._unavailable("answered with too much data")
        if inflater and body and not inflater.eof:
            raise self._unavailable("answered with broken data")
        return bytes(body)

    def _reply(self, response: httpx.Response, body: bytes) -> Reply:
        headers = {name.lower(): value for name, value in response.headers.items()}
        if not body.strip():
            return Reply(response.status_code, headers, None, is_json=False)
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        is_json = media_type == "application/json" or media_type.endswith("+json")
        if is_json:
            try:
                return Reply(response.status_code, headers, _DECODER.decode(body), is_json=True)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError):
                is_json = False
        if response.status_code == 429:
            return Reply(response.status_code, headers, None, is_json=False)
        raise self._unavailable("did not answer in JSON")

    def _unavailable(self, what: str) -> BankUnavailable:
        return BankUnavailable(self._bank_id, f"The bank {what}.")


def segment(value: str) -> str:
    """A bank's id as one segment of a path."""
    if value in ("", ".", ".."):
        raise ValueError("not a path segment")
    return quote(value, safe="")


def _origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port (RFC 6454). Raises ValueError unless it is an http(s) URL without user information."""
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc or "\\" in url:
        raise ValueError("not an http URL")
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS[parts.scheme]
