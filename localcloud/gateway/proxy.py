"""One request through the gateway: find its backend, put on the gateway's identity, relay the reply."""

from __future__ import annotations

import asyncio
import logging
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict
from yarl import URL

from localcloud.gateway import headers, replies
from localcloud.gateway.routes import Backend, NoRoute, RouteTable
from localcloud.identity.mint import TokenMinter, TokenUnavailable

LOG = logging.getLogger(__name__)

MAX_BODY_BYTES = 32 * 1024 * 1024
_DRAINED_BYTES_MAX = 96 * 1024 * 1024
_ATTEMPTS = 2
# Never added by the gateway: the backend sees what the client sent.
_AUTOMATIC_HEADERS = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")


class BodyTooLarge(Exception):
    pass


class Unreachable(Exception):
    """The backend took no connection or broke it before it replied, twice."""


class Gateway:
    def __init__(
        self,
        routes: RouteTable,
        *,
        session: aiohttp.ClientSession,
        minter: TokenMinter,
        service_account: str,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self._routes = routes
        self._session = session
        self._minter = minter
        self._service_account = service_account
        self._max_body_bytes = max_body_bytes

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        target = _origin_form(request.raw_path)
        if target is None:
            return replies.gateway_error(400, "The request target is not valid.")
        if headers.too_large(request.raw_headers):
            return replies.gateway_error(431, "The request headers are too large.")
        found = self._routes.find(method=request.method, path=target.partition("?")[0])
        if isinstance(found, NoRoute):
            return replies.gateway_error(found.status, found.message, allow=found.allow)
        try:
            body = await self._read_body(request)
        except BodyTooLarge:
            return replies.payload_too_large(limit_bytes=self._max_body_bytes)
        except (web.RequestPayloadError, HttpProcessingError, ConnectionError):
            reply = replies.gateway_error(400, "The request's body is broken off or badly framed.")
            reply.force_close()
            return reply
        try:
            async with asyncio.timeout(found.deadline_seconds):
                return await self._pass_on(request, target=target, backend=found, body=body)
        except TimeoutError:
            return replies.gateway_error(504, "upstream request timeout")
        except TokenUnavailable:
            return replies.gateway_error(503, "The gateway's identity token is unavailable.")
        except Unreachable as failure:
            LOG.warning("%s is unreachable: %s", found.name, failure)
            return replies.gateway_error(503, "upstream connect error or disconnect/reset before headers.")
        except ValueError:
            return replies.gateway_error(400, "The request's headers are not valid.")

    async def _read_body(self, request: web.BaseRequest) -> bytes:
        """The whole body, since a retry sends it again. Raises BodyTooLarge once the rest is read, within bounds:
        a client that is still sending would see a broken connection instead of the reply."""
        if request.headers.get("Expect", "").lower() == "100-continue":
            if (request.content_length or 0) > self._max_body_bytes:
                raise BodyTooLarge
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        chunks: list[bytes] = []
        size_bytes = 0
        async for chunk in request.content.iter_any():
            size_bytes += len(chunk)
            if size_bytes <= self._max_body_bytes:
                chunks.append(chunk)
            else:
                chunks.clear()
            if size_bytes > _DRAINED_BYTES_MAX:
                break
        if size_bytes > self._max_body_bytes:
            raise BodyTooLarge
        return b"".join(chunks)

    async def _pass_on(
        self, request: web.BaseRequest, *, target: str, backend: Backend, body: bytes
    ) -> web.StreamResponse:
        token = None
        if backend.audience is not None:
            token = await self._minter.token(email=self._service_account, audience=backend.audience)
        sent = headers.request_headers(request.raw_headers, client_address=request.remote or "", token=token)
        url = URL(backend.address + target, encoded=True)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return await self._call(request.method, url=url, sent=sent, body=body)
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as failure:
                # As Envoy does on connect-failure and reset: a POST may arrive twice.
                if attempt == _ATTEMPTS:
                    raise Unreachable(type(failure).__name__) from failure
        raise AssertionError("unreachable")

    async def _call(
        self, method: str, *, url: URL, sent: CIMultiDict[str], body: bytes
    ) -> web.StreamResponse:
        async with self._session.request(
            method,
            url,
            headers=sent,
            data=body or None,
            allow_redirects=False,
            skip_auto_headers=_AUTOMATIC_HEADERS,
        ) as reply:
            content = await reply.read()
            return replies.Relayed(
                status=reply.status,
                reason=reply.reason,
                body=content,
                headers=headers.reply_headers(reply.headers, keep_length=method == "HEAD"),
            )


def _origin_form(target: str) -> str | None:
    """The target from its first slash on, as sent; None when it has none, or a fragment (Envoy refuses those)."""
    if target.lower().startswith(("http://", "https://")):
        parts = urlsplit(target)
        target = target[len(parts.scheme) + 3 + len(parts.netloc) :] or "/"
    if not target.startswith("/") or "#" in target or not (target.isascii() and target.isprintable()):
        return None
    return target
