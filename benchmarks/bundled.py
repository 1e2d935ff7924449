"""A function's bundle at work as in the cloud: unpacked, among its own requirements alone, under the framework."""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import json
import os
import signal
import subprocess
import time
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from benchmarks.processes import ROOT, Failed, free_port, stop, tree
from infra.clean_environment import clean_environment
from infra.package import bundle
from localcloud.stack import plan
from localcloud.stack.environments import function_environment
from localcloud.stack.plan import Plan

HEALTH_PATH = "/health"
_MANIFEST = ROOT / "functions/manifest.yaml"
_START_TIMEOUT_SECONDS = 60.0
_POLL_SECONDS = 0.001


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """An unpacked bundle, and what a process of it needs."""

    source: Path
    """The folder that holds main.py."""
    commands: Path
    """The folder of its environment's `python` and `functions-framework`."""
    environment: dict[str, str]
    headers: dict[str, str]
    """What its caller sends: the gateway, the queue or the scheduler."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    seconds: float
    """From the start of the process to the last byte of its first reply."""
    cpu_seconds: float
    """What the process and its children used meanwhile."""
    status: int
    body: bytes


def unpack(function: str, folder: Path, *, firestore_port: int = 1) -> Bundle:
    """The bundle of `function`, unpacked below `folder`; the Firestore that it is told of is on `firestore_port`.

    The settings are those that the manifest gives it and no others. Raises infra's CannotPack, CannotFollow and
    CannotInstall.
    """
    source = folder / function
    with zipfile.ZipFile(io.BytesIO(bundle(function))) as archive:
        archive.extractall(source)
    commands = clean_environment(source / "requirements.txt") / "bin"
    _compile(source, python=commands / "python")
    environment = _settings(function, firestore_port=firestore_port)
    return Bundle(
        source=source,
        commands=commands,
        environment=environment,
        headers={"Authorization": f"Bearer {_identity_token(environment['TOK_INVOKERS'].split(',')[0])}"},
    )


def first_answer(
    made: Bundle, *, path: str = HEALTH_PATH, headers: Mapping[str, str] | None = None
) -> Answer:
    """Start a process, ask it for `path` as soon as it listens, and end it. Raises Failed."""
    port = free_port()
    with _running(made, port=port) as (process, started, log):
        while True:
            if process.poll() is not None or time.perf_counter() - started > _START_TIMEOUT_SECONDS:
                raise Failed(f"{made.source.name} did not start.\n{log.read_text(errors='replace')[-2_000:]}")
            with contextlib.suppress(ConnectionRefusedError):
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_START_TIMEOUT_SECONDS)
                connection.request("GET", path, headers={**made.headers, **(headers or {})})
                reply = connection.getresponse()
                body = reply.read()
                seconds = time.perf_counter() - started
                connection.close()
                return Answer(
                    seconds=seconds, cpu_seconds=_cpu_seconds(process.pid), status=reply.status, body=body
                )
            time.sleep(_POLL_SECONDS)


@contextlib.contextmanager
def _running(made: Bundle, *, port: int) -> Iterator[tuple[subprocess.Popen[bytes], float, Path]]:
    log = made.source.with_suffix(".log")
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            [str(made.commands / "functions-framework"), "--host", "127.0.0.1"],
            cwd=made.source,
            env={**made.environment, "PORT": str(port), "FUNCTION_TARGET": "main", "THREADS": "8"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process, started, log
    finally:
        stop(process)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _cpu_seconds(pid: int) -> float:
    """Of all threads of the process and its children: to the nanosecond, where clock ticks would be a tenth of it."""
    threads = [file for process in tree(pid) for file in Path(f"/proc/{process}").glob("task/*/schedstat")]
    nanoseconds = 0
    for thread in threads:
        with contextlib.suppress(OSError):
            nanoseconds += int(thread.read_text().split()[0])
    return nanoseconds / 1e9


def _compile(source: Path, *, python: Path) -> None:
    """As Google's buildpack does where SOURCE_DATE_EPOCH is set (infra/terraform): checked by the source's hash."""
    done = subprocess.run(
        [str(python), "-m", "compileall", "-f", "-q", "."],
        cwd=source,
        env={"SOURCE_DATE_EPOCH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Failed(f"{source.name} does not compile: {done.stdout}")


def _settings(function: str, *, firestore_port: int) -> dict[str, str]:
    """What localcloud gives the function, but for Python's own path: the bundle must do without."""
    ports = defaultdict(lambda: 1, firestore=firestore_port)
    stack = Plan(
        manifest_path=_MANIFEST,
        openapi_path=ROOT / "docs/api/openapi.yaml",
        manifest=plan.read_manifest(_MANIFEST),
        ports=ports,
    )
    secrets = {"signingKey": base64.b64encode(os.urandom(32)).decode(), "bankClients": {}}
    environment = function_environment(stack, function, secrets=secrets)
    for name in ("PYTHONPATH", "VIRTUAL_ENV"):
        environment.pop(name, None)
    return {**environment, "PYTHONDONTWRITEBYTECODE": "1"}


def _identity_token(email: str) -> str:
    """As functions see it: Cloud Run has checked the signature and taken it off."""
    parts = ({"alg": "RS256", "typ": "JWT"}, {"email": email, "email_verified": True})
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    return ".".join([*encoded, "SIGNATURE_REMOVED_BY_GOOGLE"])
