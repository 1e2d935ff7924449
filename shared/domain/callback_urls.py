"""Where a PSU may be sent back to: https, at an origin that the organisation registered."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Literal
from urllib.parse import SplitResult, urlencode, urlsplit, urlunsplit

from shared.domain.errors import Invalid

_FIELD = "callbackUrl"
_LENGTH_MAX = 2048
_LOOPBACK_NAMES = ("localhost",)


def require_callback_url(
    url: str, *, environment: Literal["live", "sandbox"], registered_origins: Sequence[str]
) -> None:
    """Raises Invalid("callbackUrl").

    The sandbox also takes http on loopback, and any https origin while the organisation has registered none.
    """
    parts = _split(url)
    if environment == "sandbox" and parts.scheme == "http" and _is_loopback(parts.hostname or ""):
        return
    if parts.scheme != "https":
        raise Invalid(_FIELD, "must be an https URL")
    if environment == "sandbox" and not registered_origins:
        return
    if _origin(parts) not in {_origin(urlsplit(origin)) for origin in registered_origins}:
        raise Invalid(_FIELD, "is not of an origin that your organisation registered")


def require_origin(origin: str, *, field: str) -> str:
    """The origin in its one form (RFC 6454 §6.1): https, or http on loopback, which counts in the sandbox only."""
    parts = _split(origin, field)
    if parts.path not in ("", "/") or parts.query:
        raise Invalid(field, "is an origin alone, such as https://app.example.com, without a path")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        raise Invalid(field, "is https, or http on loopback for the sandbox")
    scheme, host, port = _origin(parts)
    shown_host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown_host}" + ("" if port == (443 if scheme == "https" else 80) else f":{port}")


def with_parameters(url: str, parameters: dict[str, str]) -> str:
    """`url` with `parameters` added to its query."""
    parts = urlsplit(url)
    query = "&".join(filter(None, [parts.query, urlencode(parameters)]))
    return urlunsplit(parts._replace(query=query))


def _split(url: str, field: str = _FIELD) -> SplitResult:
    if len(url) > _LENGTH_MAX or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise Invalid(field, f"must be a URL of at most {_LENGTH_MAX} ASCII characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Invalid(field, "is not a URL") from None
    if not parts.hostname or port == 0:
        raise Invalid(field, "is not an absolute URL")
    if parts.username is not None or parts.password is not None:
        raise Invalid(field, "must not hold credentials")
    if parts.fragment:
        raise Invalid(field, "must not have a fragment")
    return parts


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    default = 443 if parts.scheme == "https" else 80
    return parts.scheme, (parts.hostname or "").lower(), parts.port or default


def _is_loopback(host: str) -> bool:
    if host in _LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
