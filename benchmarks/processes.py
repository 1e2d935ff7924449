"""Server processes of a benchmark: started on free loopback ports, their CPU read from /proc, always ended."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from localcloud.die_with_parent import die_with_parent

ROOT = Path(__file__).resolve().parent.parent
_START_TIMEOUT_SECONDS = 60.0
_STOP_TIMEOUT_SECONDS = 15.0
_INHERITED = ("LANG", "LC_ALL", "PATH", "TMPDIR", "TZ", "VIRTUAL_ENV")


class Failed(Exception):
    """The benchmark cannot be run to its end."""


class Server:
    """A process that listens on a port, and its children."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], port: int) -> None:
        self.name = name
        self.port = port
        self._process = process

    def cpu_seconds(self) -> float:
        """User and system time so far, of the process and all its children."""
        return sum(_cpu_seconds(pid) for pid in tree(self._process.pid))


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Nothing of the developer's but what a process needs to start; its home is the benchmark's own folder."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**kept, "HOME": str(folder), "PYTHONPATH": str(ROOT), **more}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def server(
    name: str, arguments: Sequence[str], *, port: int, folder: Path, env: Mapping[str, str]
) -> Iterator[Server]:
    """`python ARGUMENTS`, listening; ended on leaving. What it prints goes to a file. Raises Failed."""
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_end_with_this_process(),  # noqa: PLW1509 - this process has one thread
        )
    try:
        _wait_until_listening(name, process, port=port, log=log)
        yield Server(name, process, port)
    finally:
        stop(process)


@contextlib.contextmanager
def piped(arguments: Sequence[str], *, env: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """`python ARGUMENTS` with its standard input and output in hand; ended on leaving."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=dict(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_end_with_this_process(),  # noqa: PLW1509 - this process has one thread
    )
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            # The group, so that no worker outlives its master.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _end_with_this_process() -> Callable[[], None]:
    parent_pid = os.getpid()
    return lambda: die_with_parent(parent_pid)


def _wait_until_listening(name: str, process: subprocess.Popen[bytes], *, port: int, log: Path) -> None:
    give_up_at = time.monotonic() + _START_TIMEOUT_SECONDS
    while time.monotonic() < give_up_at:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    told = log.read_text(errors="replace")[-2_000:]
    raise Failed(f"{name} did not start.\n{told}")


def tree(pid: int) -> list[int]:
    """The process and all below it."""
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found.extend(int(child) for child in children.read_text().split())
    return found


def _cpu_seconds(pid: int) -> float:
    """proc(5): fields 14 and 15 of stat, in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
