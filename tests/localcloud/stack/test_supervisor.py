"""The life of a whole stack, with one small function in place of Tok's own."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.stack import ROOT, Run, Stack, is_free, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

FUNCTION = """
def main(request):
    return {"path": request.path, "key": request.headers.get("X-Forwarded-Authorization")}
"""
MANIFEST = """
functions:
  books:
    trigger: gateway
    environments: [sandbox]
    concurrency: 4
    timeout_seconds: 15
    databases: [control]
    settings: [api]
  archive:
    trigger: scheduler
    environments: [live]
queues:
  sync: {max_dispatches_per_second: 5, max_concurrent_dispatches: 5, max_attempts: 3, min_backoff_seconds: 1,
         max_backoff_seconds: 60, max_doublings: 3, max_retry_duration_seconds: 600}
"""
OPENAPI = """
openapi: 3.1.0
info: {title: Library, version: "1"}
paths:
  /v1/books:
    get: {operationId: listBooks, x-google-backend: books}
"""
PARTS = {"identity", "firestore", "kms", "tasks", "scheduler", "books", "gateway"}


@pytest.fixture
def small(tmp_path: Path) -> tuple[str, ...]:
    """The arguments that make a stack of one function."""
    (tmp_path / "functions/books").mkdir(parents=True)
    (tmp_path / "functions/books/main.py").write_text(FUNCTION)
    (tmp_path / "functions/manifest.yaml").write_text(MANIFEST)
    (tmp_path / "openapi.yaml").write_text(OPENAPI)
    return (
        "--no-demo",
        f"--manifest={tmp_path / 'functions/manifest.yaml'}",
        f"--openapi={tmp_path / 'openapi.yaml'}",
    )


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "state"
    if (tmp_path / "state/stack.json").exists() and not is_free(tmp_path / "state"):
        pytest.fail("a stack was left running")


def left_running(folder: Path) -> list[str]:
    """The command lines of all processes that name the test's folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [command for command in found if str(folder.parent) in command]


def books(stack: Stack) -> Any:
    reply = httpx.get(f"{stack.gateway_url}/books", headers={"Authorization": "ApiKey a"}, trust_env=False)
    return reply.json()


def test_a_stack_serves_heals_and_ends_with_everything_it_started(
    folder: Path, small: tuple[str, ...]
) -> None:
    run = Run(folder, arguments=small)
    stack = run.wait_up()
    info = stack.info

    assert books(stack) == {"path": "/v1/books", "key": "ApiKey a"}
    assert set(info["pids"]) == PARTS
    assert set(info["functions"]) == {"books"}, "what belongs to the live environment alone does not run"
    assert (folder / "stack.json").stat().st_mode & 0o777 == 0o600
    assert set(info["tierKeys"]) == {"free", "pro", "enterprise"}
    sandbox_keys = {info["sandboxApiKey"], info["secondSandboxApiKey"], *info["tierKeys"].values()}
    assert len(sandbox_keys) == 5
    queue = stack.folder / "tasks"
    assert any(queue.iterdir()), "its data lies in the stack's folder"

    stack.kill("books")
    assert books(stack)["path"] == "/v1/books"
    stack.restart("firestore")
    keys = list(stack.firestore("(default)").collection("apiKeyHashes").stream())
    assert len(keys) == 10, "five organisations, each with its pair of keys, have survived"

    refused = subprocess.run(
        [sys.executable, "-m", "localcloud.stack", *small],
        cwd=ROOT,
        env={"PATH": "", "LOCALCLOUD_DIR": str(folder), "PORT": "0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert refused.returncode != 0
    assert "a stack already runs on" in refused.stderr
    assert "Traceback" not in refused.stderr

    assert len(left_running(folder)) > len(PARTS)
    assert run.end(with_signal=signal.SIGINT) == 0
    assert left_running(folder) == []
    assert not (folder / "stack.json").exists()


def test_a_second_run_keeps_the_data_and_nothing_outlives_a_killed_supervisor(
    folder: Path, small: tuple[str, ...]
) -> None:
    first = Run(folder, arguments=small)
    before = first.wait_up().info
    first.end()

    second = Run(folder, arguments=small)
    stack = second.wait_up()
    after = stack.info

    assert {**after, "pids": 0, "supervisorPid": 0} == {**before, "pids": 0, "supervisorPid": 0}

    second.process.kill()
    second.process.wait()
    wait_for(lambda: left_running(folder) == [], what="the end of every process")


def test_a_function_that_cannot_start_is_told_with_its_log(folder: Path, small: tuple[str, ...]) -> None:
    (folder.parent / "functions/books/main.py").write_text("raise RuntimeError('no books today')")

    run = Run(folder, arguments=small)

    assert run.process.wait(120) == 1
    assert "books ended at its start" in run.said
    assert "no books today" in run.said
    assert not (folder / "stack.json").exists()
    assert left_running(folder) == []
