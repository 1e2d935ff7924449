"""The servers of the comparison, each as it runs in production with one worker, and how a client asks each."""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks.processes import Failed, Server, environment, free_port, piped, server

PROJECT = "tok-benchmark"
_DATABASE = "sandbox"
_GATEWAY = f"gateway@{PROJECT}.iam.gserviceaccount.com"
_THREADS = 8


class Seeded(msgspec.Struct, frozen=True, kw_only=True):
    """The seed's last line: the account that all rows belong to, and a key of its organisation."""

    organisation_id: str
    account_id: str
    api_key: str


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """How to ask a server."""

    server: Server
    headers: dict[str, str]
    path: str


@contextlib.contextmanager
def firestore(folder: Path) -> Iterator[Server]:
    port = free_port()
    arguments = ("-m", "localcloud.firestore", "--port", str(port), "--data", str(folder / "firestore"))
    with server("firestore", arguments, port=port, folder=folder, env=environment(folder)) as started:
        yield started


def seed(folder: Path, *, firestore_port: int, transactions: int) -> Seeded:
    """Fill both stores, showing progress. Raises Failed."""
    env = environment(folder, FIRESTORE_EMULATOR_HOST=f"127.0.0.1:{firestore_port}")
    arguments = (
        "-m", "benchmarks.seed", "--project", PROJECT, "--database", _DATABASE,
        "--sqlite", str(_sqlite(folder)), "--transactions", str(transactions),
    )  # fmt: skip
    last = ""
    with piped(arguments, env=env) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("  "):
                print(line, end="", flush=True)
            last = line
        if process.wait() != 0:
            raise Failed("the seed failed")
    return msgspec.json.decode(last, type=Seeded)


@contextlib.contextmanager
def tok(folder: Path, seeded: Seeded, *, firestore_port: int, leases: bool = True) -> Iterator[Client]:
    """functions/transactions with its limits lifted (benchmarks/unlimited), asked as the API gateway asks it."""
    env = {
        "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{firestore_port}",
        "TOK_ENVIRONMENT": "sandbox",
        "TOK_PROJECT": PROJECT,
        "TOK_INVOKERS": _GATEWAY,
        "TOK_PUBLIC_URL": "https://sandbox.api.tokapi.io/v1",
        "BENCHMARK_LEASE_MAX": "" if leases else "1",
        "TOK_SIGNING_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
    }
    name = "tok" if leases else "tok-unleased"
    with _function(name, "benchmarks/unlimited/main.py", folder=folder, env=env) as started:
        yield Client(
            server=started,
            headers={
                "Authorization": f"Bearer {_identity_token(_GATEWAY)}",
                "X-Forwarded-Authorization": f"ApiKey {seeded.api_key}",
            },
            path=_path(seeded),
        )


@contextlib.contextmanager
def conventional(folder: Path, seeded: Seeded) -> Iterator[Client]:
    """benchmarks/rival.py"""
    port = free_port()
    arguments = ("-m", "uvicorn", "--factory", "benchmarks.rival:create_app", "--port", str(port))
    env = environment(folder, RIVAL_SQLITE=str(_sqlite(folder)))
    with server("conventional", arguments, port=port, folder=folder, env=env) as started:
        yield Client(
            server=started,
            headers={"Authorization": f"ApiKey {seeded.api_key}"},
            path=_path(seeded),
        )


@contextlib.contextmanager
def floor(folder: Path) -> Iterator[Client]:
    """benchmarks/floor"""
    with _function("floor", "benchmarks/floor/main.py", folder=folder, env={}) as started:
        yield Client(server=started, headers={}, path="/")


@contextlib.contextmanager
def _function(name: str, source: str, *, folder: Path, env: dict[str, str]) -> Iterator[Server]:
    port = free_port()
    arguments = (
        "-m", "functions_framework", "--target", "main", "--source", source,
        "--host", "127.0.0.1", "--port", str(port),
    )  # fmt: skip
    whole = environment(folder, THREADS=str(_THREADS), **env)
    with server(name, arguments, port=port, folder=folder, env=whole) as started:
        yield started


def _identity_token(email: str) -> str:
    """As functions see it: Cloud Run has checked the signature and taken it off."""
    parts = ({"alg": "RS256", "typ": "JWT"}, {"email": email, "email_verified": True})
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    return ".".join([*encoded, "SIGNATURE_REMOVED_BY_GOOGLE"])


def _path(seeded: Seeded) -> str:
    return f"/v1/accounts/{seeded.account_id}/transactions"


def _sqlite(folder: Path) -> Path:
    return folder / "conventional.sqlite3"
