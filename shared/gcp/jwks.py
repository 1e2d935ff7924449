"""An issuer's published keys, over HTTPS."""

from __future__ import annotations

from urllib.request import ProxyHandler, build_opener

_TIMEOUT_SECONDS = 5
_BYTES_MAX = 256 * 1024


def fetch_jwks(url: str) -> bytes:
    """Raises OSError. `url` is a setting, https or on loopback; no proxy, as nothing else here uses one."""
    with build_opener(ProxyHandler({})).open(url, timeout=_TIMEOUT_SECONDS) as reply:
        content: bytes = reply.read(_BYTES_MAX)
    return content
