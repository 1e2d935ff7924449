"""A function as Cloud Run runs it, over real processes and sockets."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[3]

FUNCTION = """
import os
import time
import beside

def main(request):
    if request.path == "/slow":
        open("begun", "w").close()
        time.sleep(1.5)
    seen = {name: os.environ[name] for name in ("K_SERVICE", "PORT", "THREADS", "FUNCTION_TARGET")}
    return {"pid": os.getpid(), "path": request.path, "beside": beside.NAME, **seen}
"""
MANIFEST = """
functions:
  open_one: {trigger: public, concurrency: 3, timeout_seconds: 15}
  closed_one: {trigger: gateway, concurrency: 3, timeout_seconds: 15}
"""

Start = Callable[[str], tuple[subprocess.Popen[bytes], str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    (tmp_path / "manifest.yaml").write_text(MANIFEST)
    for name in ("open_one", "closed_one"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.py").write_text(FUNCTION)
        (tmp_path / name / "beside.py").write_text(f"NAME = {name!r}")
    started: list[subprocess.Popen[bytes]] = []

    def start_one(name: str) -> tuple[subprocess.Popen[bytes], str]:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "localcloud.functions", name),
                *("--manifest", str(tmp_path / "manifest.yaml")),
                *("--port", str(port), "--identity", "http://127.0.0.1:9"),
            ],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path / name}",
                "TOK_INVOKERS": "gateway@tok.iam.gserviceaccount.com",
            },
            cwd=tmp_path / name,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == f"listening on 127.0.0.1:{port}\n".encode()
        return process, f"http://127.0.0.1:{port}"

    yield start_one
    for process in started:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        process.wait()
        if process.stdout:
            process.stdout.close()


def test_a_function_gets_its_platform_environment_and_folder(start: Start) -> None:
    _, url = start("open_one")

    seen = httpx.get(url, trust_env=False).json()

    assert seen["beside"] == "open_one"
    assert seen["K_SERVICE"] == "open-one"
    assert seen["THREADS"] == "3"
    assert seen["FUNCTION_TARGET"] == "main"
    assert url.endswith(seen["PORT"])


def test_no_header_changes_the_path(start: Start) -> None:
    _, url = start("open_one")

    seen = httpx.get(f"{url}/here", headers={"PATH_INFO": "/there", "SCRIPT_NAME": "/here"}, trust_env=False)

    assert seen.json()["path"] == "/here"


def test_a_private_function_refuses_calls_without_an_identity_token(start: Start) -> None:
    _, url = start("closed_one")

    reply = httpx.get(url, trust_env=False)

    assert reply.status_code == 401
    assert reply.headers["content-type"] == "application/json"


def test_sigterm_lets_a_request_end_first(start: Start, tmp_path: Path) -> None:
    process, url = start("open_one")
    slow = subprocess.Popen(
        [sys.executable, "-c", f"import urllib.request as r; print(r.urlopen('{url}/slow').status)"],
        stdout=subprocess.PIPE,
        env={"PATH": os.environ["PATH"]},
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "open_one/begun").exists():
        assert time.monotonic() < deadline, "the request did not begin"
        time.sleep(0.02)

    process.terminate()

    answered, _ = slow.communicate(timeout=30)
    assert answered == b"200\n"
    assert process.wait(timeout=30) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_the_worker_ends_with_its_master(start: Start) -> None:
    process, url = start("open_one")
    worker_pid = httpx.get(url, trust_env=False).json()["pid"]
    assert worker_pid != process.pid

    process.kill()
    process.wait()

    deadline = time.monotonic() + 30
    while Path(f"/proc/{worker_pid}").exists():
        state = Path(f"/proc/{worker_pid}/stat").read_text().split()[2]
        if state == "Z":
            break
        assert time.monotonic() < deadline, "the worker outlived its master"
        time.sleep(0.05)
