"""Starts one server of the local platform as a process of its own, and ends it in whichever way a test needs."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

START_TIMEOUT_SECONDS = 60
STOP_TIMEOUT_SECONDS = 30


class ServerProcess:
    def __init__(self, module: str, data: Path, *arguments: str, port: int = 0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, "--port", str(port), "--data", str(data), *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        watchdog = threading.Timer(START_TIMEOUT_SECONDS, self._process.kill)
        watchdog.start()
        assert self._process.stdout is not None
        self.first_line = self._process.stdout.readline()
        watchdog.cancel()
        self.address = self.first_line.removeprefix("listening on ").strip()
        if not self.address:
            raise RuntimeError(f"{module} did not start: exit status {self._process.wait()}")

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def kill(self) -> None:
        self._process.kill()
        self._finish()

    def terminate(self) -> int:
        """SIGTERM; returns the exit status."""
        self._process.terminate()
        return self._finish()

    def interrupt(self) -> int:
        self._process.send_signal(2)
        return self._finish()

    def rest_of_output(self) -> str:
        """What stdout held after the first line, once the process has ended."""
        return self._rest

    def _finish(self) -> int:
        self._rest, _ = self._process.communicate(timeout=STOP_TIMEOUT_SECONDS)
        return self._process.returncode
