"""Bytes to the gateway as they are, for requests that no HTTP library would send."""

from __future__ import annotations

import http.client
import socket
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class RawReply:
    status_code: int
    headers: httpx.Headers
    content: bytes


def exchange(gateway_url: str, request: bytes, *, half_close: bool = False) -> RawReply | None:
    """The first reply; None when the connection was closed without one.

    `half_close` tells the server that no more is coming. Where requests come too fast, it is sent again later.
    """
    while True:
        reply = _exchange(gateway_url, request, half_close=half_close)
        if reply is None or reply.status_code != 429:
            return reply
        time.sleep(int(reply.headers["Retry-After"]))


def _exchange(gateway_url: str, request: bytes, *, half_close: bool) -> RawReply | None:
    address = urlsplit(gateway_url)
    method = request.partition(b" ")[0].decode("latin-1")
    with socket.create_connection((address.hostname, address.port), timeout=_TIMEOUT_SECONDS) as connection:
        try:
            connection.sendall(request)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it refused while we were sending; its reply may be there to read
        reply = http.client.HTTPResponse(connection, method=method)
        try:
            reply.begin()
            content = reply.read()
        except (http.client.RemoteDisconnected, ConnectionResetError):
            return None
        return RawReply(reply.status, httpx.Headers(reply.getheaders()), content)


def get(target: str, *, api_key: str, method: str = "GET", headers: str = "") -> bytes:
    """A request line and headers around `target`, which goes as it is (Latin-1)."""
    text = (
        f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Authorization: ApiKey {api_key}\r\n{headers}\r\n"
    )
    return text.encode("latin-1")
