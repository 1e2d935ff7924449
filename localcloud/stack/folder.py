"""The folder that holds one stack's state: one stack at a time, files for their owner alone, replaced whole."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from pathlib import Path
from typing import Any

_MARK = "ports.json"


class StackRunning(Exception):
    """Another stack uses the folder."""


class StackFolder:
    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.stack_json = self.path / "stack.json"
        self.logs = self.path / "logs"
        self.held = self.path / "held"
        """A file in here, named like a part, keeps that part down once it has ended. For tests of outages."""
        self._lock: int | None = None

    def take(self) -> None:
        """Make the folder this process's own until it ends. Raises StackRunning."""
        for folder in (self.path, self.logs, self.held):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for leftover in self.held.iterdir():
            leftover.unlink()
        lock = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(lock, 32, 0).decode() or "unknown"
            os.close(lock)
            raise StackRunning(
                f"a stack already runs on {self.path} (process {owner}); "
                "LOCALCLOUD_DIR=another-folder PORT=0 make run starts a second one"
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        self._lock = lock  # held open: the kernel drops the lock with the process

    def data(self, part: str) -> Path:
        return self.path / part

    def log(self, part: str) -> Path:
        return self.logs / f"{part}.log"

    def read(self, name: str) -> dict[str, Any]:
        """A JSON file of the folder, empty when it is not there."""
        try:
            content: dict[str, Any] = json.loads((self.path / name).read_text())
        except FileNotFoundError:
            return {}
        return content

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Replaced in one step, mode 0600: a reader sees the old file or the new one."""
        draft = self.path / f".{name}.{secrets.token_hex(4)}"
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(content, file, indent=2)
            file.write("\n")
        draft.replace(self.path / name)

    def clear(self) -> None:
        """Remove the folder, which must be taken and hold a stack's files. Raises ValueError when it does not."""
        if any(self.path.iterdir()) and not (self.path / _MARK).exists():
            raise ValueError(f"{self.path} is no folder of a stack: it has no {_MARK}")
        shutil.rmtree(self.path)

    def forget_stack(self) -> None:
        self.stack_json.unlink(missing_ok=True)
