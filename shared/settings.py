"""Typed settings from the environment. A missing one stops the function at start and is named.

No secret has a default. Each function asks for the groups it needs, so that its environment holds only those.
"""

from __future__ import annotations

import base64
import ipaddress
import os
from collections.abc import Mapping
from typing import Literal, cast

import msgspec

Environment = Literal["live", "sandbox"]
_PROXIES_MAX = 5


class MissingSetting(Exception):
    pass


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What every function has."""

    environment: Environment
    environments: tuple[Environment, ...] = ("live", "sandbox")
    """All that this installation serves: what spans them is done when each has done its part."""
    project: str
    data_database: str
    """Firestore database of this environment's bank data."""
    control_database: str
    """Firestore database of the control plane."""
    invokers: tuple[str, ...]
    """Service accounts that may call this function: the gateway's, the queue's or the scheduler's."""
    trusted_proxies: int = 0
    """How many of the last addresses in X-Forwarded-For are proxies', not the client's. Too few, and a proxy's address
    is taken for the client's; too many, and the client's own claim is believed."""
    known_proxies: tuple[str, ...] = ()
    """Proxies that are known by their address, whatever their number."""


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What functions with client-facing cursors, states and sealed replies have."""

    public_url: str
    """The API's base URL as clients see it, ending in /v1."""
    signing_key: bytes
    """32 bytes. Keys for cursors, PKCE verifiers and sealed replies are derived from it."""

    def __repr__(self) -> str:
        return f"ApiSettings(public_url={self.public_url!r})"


class UserSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What functions that signed-in users call have: whose tokens count, and for whom they must be."""

    issuer: str
    """https://securetoken.google.com/PROJECT with Identity Platform."""
    audience: str
    """The project's id with Identity Platform."""
    jwks_url: str
    """Where the issuer's public keys are (RFC 7517)."""
    portal_url: str
    """Where a person who was invited goes to join."""


class BankSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What functions that talk to banks have."""

    sandbox_bank_url: str
    """Base URL of the sandbox bank; empty in the live environment."""
    client_credentials: dict[str, tuple[str, str]]
    """bankId → (client id, client secret) as registered at the bank."""
    timeout_seconds: float

    def __repr__(self) -> str:
        return f"BankSettings({self.sandbox_bank_url!r}, banks={sorted(self.client_credentials)})"


class TaskSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What functions that enqueue sync tasks have."""

    sync_queue: str
    """projects/P/locations/L/queues/Q"""
    sync_consent_url: str
    service_account: str
    """The identity that Cloud Tasks shows to sync_consent."""


class DispatchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the tick has, which hands shards to tasks."""

    dispatch_queue: str
    """projects/P/locations/L/queues/Q"""
    sync_shard_url: str
    service_account: str
    """The identity that Cloud Tasks shows to sync_shard."""


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise MissingSetting(f"the environment variable {name} is not set")
    return value


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    environment = _required(environ, "TOK_ENVIRONMENT")
    if environment not in ("live", "sandbox"):
        raise MissingSetting("TOK_ENVIRONMENT is live or sandbox")
    environments = tuple(environ.get("TOK_ENVIRONMENTS", "live,sandbox").split(","))
    if environment not in environments or not set(environments) <= {"live", "sandbox"}:
        raise MissingSetting("TOK_ENVIRONMENTS is live, sandbox or both, and holds TOK_ENVIRONMENT")
    trusted_proxies, known_proxies = _proxies(environ.get("TOK_TRUSTED_PROXIES", "0"))
    return Settings(
        environment=cast(Environment, environment),
        environments=cast(tuple[Environment, ...], environments),
        project=_required(environ, "TOK_PROJECT"),
        data_database=environ.get("TOK_DATA_DATABASE", environment),
        control_database=environ.get("TOK_CONTROL_DATABASE", "(default)"),
        invokers=tuple(_required(environ, "TOK_INVOKERS").split(",")),
        trusted_proxies=trusted_proxies,
        known_proxies=known_proxies,
    )


def _proxies(text: str) -> tuple[int, tuple[str, ...]]:
    """`1,203.0.113.9`: how many there are at the end, then those that are known by their address."""
    count, *known = (part.strip() for part in text.split(","))
    try:
        if not 0 <= int(count) <= _PROXIES_MAX:
            raise ValueError
        return int(count), tuple(str(ipaddress.ip_address(address)) for address in known)
    except ValueError:
        raise MissingSetting(
            f"TOK_TRUSTED_PROXIES is a number up to {_PROXIES_MAX}, and addresses behind commas"
        ) from None


def load_api_settings(environ: Mapping[str, str] = os.environ) -> ApiSettings:
    key = base64.b64decode(_required(environ, "TOK_SIGNING_KEY"))
    if len(key) != 32:
        raise MissingSetting("TOK_SIGNING_KEY is 32 random bytes in base64")
    return ApiSettings(public_url=_required(environ, "TOK_PUBLIC_URL").rstrip("/"), signing_key=key)


def load_user_settings(environ: Mapping[str, str] = os.environ) -> UserSettings:
    jwks_url = _required(environ, "TOK_USER_JWKS_URL")
    if not jwks_url.startswith(("https://", "http://127.0.0.1:")):
        raise MissingSetting("TOK_USER_JWKS_URL is an https URL")
    return UserSettings(
        issuer=_required(environ, "TOK_USER_ISSUER"),
        audience=_required(environ, "TOK_USER_AUDIENCE"),
        jwks_url=jwks_url,
        portal_url=_required(environ, "TOK_PORTAL_URL").rstrip("/"),
    )


def load_bank_settings(environ: Mapping[str, str] = os.environ) -> BankSettings:
    """`TOK_BANK_CLIENTS` is JSON: {"erste-hr": ["client id", "client secret"], …}."""
    try:
        credentials = msgspec.json.decode(
            _required(environ, "TOK_BANK_CLIENTS"), type=dict[str, tuple[str, str]]
        )
    except msgspec.DecodeError:
        raise MissingSetting("TOK_BANK_CLIENTS is JSON: bankId to [client id, client secret]") from None
    return BankSettings(
        sandbox_bank_url=environ.get("TOK_SANDBOX_BANK_URL", "").rstrip("/"),
        client_credentials=credentials,
        timeout_seconds=float(environ.get("TOK_BANK_TIMEOUT_SECONDS", "20")),
    )


def load_task_settings(environ: Mapping[str, str] = os.environ) -> TaskSettings:
    return TaskSettings(
        sync_queue=_required(environ, "TOK_SYNC_QUEUE"),
        sync_consent_url=_required(environ, "TOK_SYNC_CONSENT_URL"),
        service_account=_required(environ, "TOK_TASKS_SERVICE_ACCOUNT"),
    )


def load_dispatch_settings(environ: Mapping[str, str] = os.environ) -> DispatchSettings:
    return DispatchSettings(
        dispatch_queue=_required(environ, "TOK_DISPATCH_QUEUE"),
        sync_shard_url=_required(environ, "TOK_SYNC_SHARD_URL"),
        service_account=_required(environ, "TOK_TASKS_SERVICE_ACCOUNT"),
    )


def load_kms_key(environ: Mapping[str, str] = os.environ) -> str:
    """projects/P/locations/L/keyRings/R/cryptoKeys/K"""
    return _required(environ, "TOK_KMS_KEY")
