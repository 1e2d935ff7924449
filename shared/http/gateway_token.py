"""Who called this function: the gateway, the queue or the scheduler, by the identity token they show.

Cloud Run has checked the token's signature, audience and expiry before the function runs, and has replaced the
signature, so that it cannot be checked twice. What is left to check is that the identity is one we expect: without
that, what the client sent (`X-Forwarded-Authorization`) counts for nothing.
"""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache

import msgspec

from shared.domain.errors import Forbidden

_NOT_OURS = "this function is called through the API only"


class _Claims(msgspec.Struct):
    email: str = ""
    email_verified: bool = False


_decoder = msgspec.json.Decoder(_Claims)


def require_invoker(authorization: str | None, *, invokers: tuple[str, ...]) -> None:
    """Raises Forbidden unless `Authorization: Bearer <token>` names one of `invokers`."""
    if _verified_email(authorization or "") not in invokers:
        raise Forbidden(_NOT_OURS)


@lru_cache(maxsize=64)
def _verified_email(authorization: str) -> str | None:
    scheme, _, token = authorization.partition(" ")
    parts = token.split(".")
    if scheme.lower() != "bearer" or len(parts) != 3:
        return None
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        claims = _decoder.decode(payload)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return None
    return claims.email if claims.email_verified else None
