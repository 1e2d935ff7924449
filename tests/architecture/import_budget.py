"""What a function may have loaded when it starts: heavy clients are for those that use them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Module → the groups of settings in the manifest of which a function needs one to load it at its start.
_HEAVY: dict[str, frozenset[str]] = {
    "google.cloud.kms": frozenset({"kms"}),
    "google.cloud.kms_v1": frozenset({"kms"}),
    "google.cloud.tasks_v2": frozenset({"tasks", "dispatch"}),
    "google.cloud.scheduler_v1": frozenset(),
    "authlib": frozenset({"bank"}),
    "schwifty": frozenset({"bank"}),
    "httpx": frozenset(),
    "localcloud": frozenset(),
    "infra": frozenset(),
}


def forbidden_at_start(entry: Mapping[str, Any]) -> list[str]:
    """The modules that a function with this entry in the manifest does not load before its first request."""
    groups = {*entry["settings"], *entry["databases"]}
    return sorted(module for module, allowed in _HEAVY.items() if not allowed & groups)
