"""What API Gateway does to headers on their way to a function and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from multidict import CIMultiDict, CIMultiDictProxy

_ALL_BYTES_MAX = 60 * 1024
# gunicorn takes 100 headers of 8,190 bytes, and refuses more with a page of HTML that no function can change;
# Envoy takes 100. A little less, because the gateway adds some.
_COUNT_MAX = 95
_ONE_BYTES_MAX = 8_000

# RFC 9110 §7.6.1, and Keep-Alive, Proxy-Connection and TE as old clients still send them.
_HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
_FORWARDED_AUTHORIZATION = "X-Forwarded-Authorization"
# The gateway's front adds who called it; the function's own front, which is Cloud Run's, adds the gateway.
_OWN_ADDRESS = "127.0.0.1"


def request_headers(
    received: Iterable[tuple[bytes, bytes]], *, client_address: str, token: str | None
) -> CIMultiDict[str]:
    """The headers for the backend.

    The client's Authorization moves to X-Forwarded-Authorization, and the gateway's own identity token takes
    its place. A client's own X-Forwarded-Authorization goes only when it sent Authorization too: that is how
    ESPv2 does it, and functions must live with it.
    """
    headers = CIMultiDict((name.decode("latin-1"), _text(value)) for name, value in received)
    host = headers.get("Host", "")
    _remove_hop_by_hop(headers)
    for name in ("Host", "Content-Length", "Expect"):
        headers.popall(name, None)
    authorization = headers.get("Authorization")
    if authorization is not None:
        headers.popall(_FORWARDED_AUTHORIZATION, None)
        headers[_FORWARDED_AUTHORIZATION] = authorization
    headers.popall("Authorization", None)
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    hops = [*headers.popall("X-Forwarded-For", []), client_address, _OWN_ADDRESS]
    headers["X-Forwarded-For"] = ",".join(hops)
    headers["X-Forwarded-Proto"] = "http"
    headers["X-Forwarded-Host"] = host
    return headers


def reply_headers(received: CIMultiDictProxy[str], *, keep_length: bool) -> CIMultiDict[str]:
    """The headers for the client; Content-Length counts only where no body follows (HEAD)."""
    headers = CIMultiDict(received)
    _remove_hop_by_hop(headers)
    for name in ("Date", "Server") if keep_length else ("Date", "Server", "Content-Length"):
        headers.popall(name, None)
    return headers


def too_large(received: Sequence[tuple[bytes, bytes]]) -> bool:
    sizes = [len(name) + len(value) + 4 for name, value in received]
    return len(sizes) > _COUNT_MAX or sum(sizes) > _ALL_BYTES_MAX or max(sizes, default=0) > _ONE_BYTES_MAX


def _remove_hop_by_hop(headers: CIMultiDict[str]) -> None:
    named = {name.strip().lower() for value in headers.getall("Connection", []) for name in value.split(",")}
    for name in {name.lower() for name in headers} & (_HOP_BY_HOP | named):
        headers.popall(name)


def _text(value: bytes) -> str:
    # HTTP/1.1 allows any byte from 0x80; what is not UTF-8 is taken for Latin-1, never refused.
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
