"""Resource names of Cloud KMS."""

from __future__ import annotations

import re

from localcloud.grpc_server import invalid

_ID = re.compile(r"[a-zA-Z0-9_-]{1,63}")
_LOCATION = re.compile(r"projects/[^/]+/locations/[^/]+")
_KEY_RING = re.compile(rf"{_LOCATION.pattern}/keyRings/[^/]+")
_KEY = re.compile(rf"{_KEY_RING.pattern}/cryptoKeys/[^/]+")
_VERSION = re.compile(rf"({_KEY.pattern})/cryptoKeyVersions/([1-9][0-9]{{0,8}})")


def checked_id(given: str, *, field: str) -> str:
    if not _ID.fullmatch(given):
        raise invalid(f"{field} must match [a-zA-Z0-9_-]{{1,63}}.")
    return given


def location(name: str) -> str:
    return _matching(_LOCATION, name, "projects/*/locations/*")


def key_ring(name: str) -> str:
    return _matching(_KEY_RING, name, "projects/*/locations/*/keyRings/*")


def key(name: str) -> str:
    return _matching(_KEY, name, "projects/*/locations/*/keyRings/*/cryptoKeys/*")


def version(name: str) -> tuple[str, int]:
    """The key's name and the version's number."""
    match = _VERSION.fullmatch(name)
    if match is None:
        raise invalid(
            f"Resource name [{name}] does not match "
            "projects/*/locations/*/keyRings/*/cryptoKeys/*/cryptoKeyVersions/*."
        )
    return match[1], int(match[2])


def key_or_version(name: str) -> tuple[str, int | None]:
    if "/cryptoKeyVersions/" in name:
        return version(name)
    return key(name), None


def version_name(key_name: str, number: int) -> str:
    return f"{key_name}/cryptoKeyVersions/{number}"


def _matching(pattern: re.Pattern[str], name: str, shape: str) -> str:
    if not pattern.fullmatch(name):
        raise invalid(f"Resource name [{name}] does not match {shape}.")
    return name
