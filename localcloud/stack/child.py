"""One process of the stack: started, watched, started again when it dies, ended with everything it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from localcloud.die_with_parent import die_with_parent
from localcloud.stack.parts import Part

_START_TIMEOUT_SECONDS = 120
_STOP_TIMEOUT_SECONDS = 10  # Cloud Run's own time between SIGTERM and SIGKILL
_BACKOFF_SECONDS = (0.1, 0.3, 1.0, 3.0, 10.0)
_STEADY_SECONDS = 20
_POLL_SECONDS = 0.03


class StartFailed(Exception):
    """The part ended, or said nothing in time, before it listened."""

    def __init__(self, name: str, reason: str, *, log: Path) -> None:
        super().__init__(f"{name} {reason}")
        self.log = log


class Child:
    def __init__(self, part: Part, *, log: Path, held: Path, changed: Callable[[str], None]) -> None:
        """`changed` is told, in a few words, each time that the process was replaced."""
        self.part = part
        self._log = log
        self._held = held
        self._changed = changed
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> float:
        """Returns once it listens, with the seconds that took. Raises StartFailed."""
        began = time.monotonic()
        await self._launch()
        self._watching = asyncio.create_task(self._watch())
        return time.monotonic() - began

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL for the whole group."""
        if self._watching:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self._process is None:
            return
        if self._process.returncode is None:
            self._process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), _STOP_TIMEOUT_SECONDS)
        self.kill()
        await self._process.wait()

    def kill(self) -> None:
        """The process and whatever it left behind in its group."""
        if self._process:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return

    async def _launch(self) -> None:
        parent_pid = os.getpid()
        with self._log.open("ab") as log:
            offset = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                *self.part.command,
                env=self.part.environment,
                cwd=self.part.working_folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,  # the terminal's Ctrl-C is the supervisor's alone
                preexec_fn=lambda: die_with_parent(parent_pid),
            )
        expected = f"listening on 127.0.0.1:{self.part.port}".encode()
        deadline = time.monotonic() + _START_TIMEOUT_SECONDS
        while True:
            with self._log.open("rb") as log:
                log.seek(offset)
                if expected in log.read():
                    return
            if self._process.returncode is not None:
                self.kill()
                raise StartFailed(
                    self.part.name, f"ended at its start ({_ending(self._process)})", log=self._log
                )
            if time.monotonic() > deadline:
                self.kill()
                raise StartFailed(
                    self.part.name, f"did not listen within {_START_TIMEOUT_SECONDS} s", log=self._log
                )
            await asyncio.sleep(_POLL_SECONDS)

    async def _watch(self) -> None:
        """As Cloud Run does: a new instance for one that ended, on the same address, with growing pauses."""
        failures = 0
        while self._process is not None:
            began = time.monotonic()
            await self._process.wait()
            self.kill()  # a worker that outlived its master would hold the port
            failures = 0 if time.monotonic() - began > _STEADY_SECONDS else failures + 1
            self._changed(f"{self.part.name} ended ({_ending(self._process)})")
            await asyncio.sleep(_BACKOFF_SECONDS[min(failures, len(_BACKOFF_SECONDS) - 1)])
            while (self._held / self.part.name).exists():
                await asyncio.sleep(_POLL_SECONDS)
            with contextlib.suppress(StartFailed):  # it has ended again, which the next round tells
                await self._launch()
                self._changed(f"{self.part.name} runs again as process {self._process.pid}")


def _ending(process: asyncio.subprocess.Process) -> str:
    code = process.returncode or 0
    return f"signal {-code}" if code < 0 else f"exit {code}"
