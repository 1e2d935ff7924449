"""The server as a process of its own, and unmodified clients of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from test_utils.system import EmulatorCreds

_ROOT = Path(__file__).parents[3]
_READY = "listening on "


def start_server(folder: Path, *arguments: str) -> tuple[subprocess.Popen[str], str]:
    """The process and its host:port; CalledProcessError, with what it printed, where it ends instead."""
    command = [sys.executable, "-m", "localcloud.firestore", "--port", "0", "--data", str(folder), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=_ROOT)
    assert process.stdout is not None
    line = process.stdout.readline()
    if line.startswith(_READY):
        return process, line.removeprefix(_READY).strip()
    output, errors = process.communicate(timeout=30)
    raise subprocess.CalledProcessError(process.returncode, command, output, errors)


def stop_server(process: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> int:
    """Ask it to stop; its exit code."""
    process.send_signal(number)
    try:
        process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return process.returncode


def connect(kind: Any, address: str, *, project: str, database: str = "(default)") -> Any:
    """An unmodified client; it reads the variable once, when it is made, so others are left alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "FIRESTORE_EMULATOR_HOST", address)
        return kind(project=project, credentials=EmulatorCreds(), database=database)
