"""The gateway's HTTP server: aiohttp's, which answers what it cannot parse in the gateway's own format."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import aiohttp
from aiohttp import web
from aiohttp.web_protocol import RequestHandler, _ErrInfo

from localcloud.gateway import replies

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_LINE_BYTES_MAX = 64 * 1024


class _JsonRequestHandler(RequestHandler):
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # aiohttp queues what it cannot parse as the next request: told here to the one whose body it breaks,
        # which would wait for the rest for ever.
        request = self._current_request
        if request is not None and self._messages and isinstance(self._messages[-1][0], _ErrInfo):
            request.content.set_exception(web.RequestPayloadError("the body is badly framed"))
            request.content.feed_eof()  # or aiohttp would read on, for the connection's sake

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp's signature
    ) -> web.StreamResponse:
        if status >= 500:
            self.log_exception("Error handling a request", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("the reply has begun, an error cannot follow")
        reply = replies.gateway_error(status, HTTPStatus(status).phrase)
        reply.force_close()
        return reply


class _JsonServer(web.Server):
    def __call__(self) -> RequestHandler:
        return _JsonRequestHandler(
            self,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # None is silence
            auto_decompress=False,
            max_line_size=_LINE_BYTES_MAX,
            max_field_size=_LINE_BYTES_MAX,
            max_headers=1_000,
            lingering_time=2.0,
        )


async def start(handler: Handler, *, listener: socket.socket) -> web.ServerRunner:
    runner = web.ServerRunner(_JsonServer(handler), shutdown_timeout=1.0)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    return runner


def backend_session() -> aiohttp.ClientSession:
    """Connections are not kept: one that a function closes while a POST is on its way would send it twice."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        trust_env=False,
    )
