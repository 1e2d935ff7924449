"""One supervised process, played by a few lines of Python."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from localcloud.stack.child import Child, StartFailed
from localcloud.stack.parts import Part

SERVER = """
import os, subprocess, sys, time
grandchild = subprocess.Popen(["sleep", "600"])
print("grandchild", grandchild.pid, flush=True)
print("listening on 127.0.0.1:4711", flush=True)
time.sleep(600)
"""


class Bench:
    def __init__(self, folder: Path, script: str) -> None:
        self.folder = folder
        self.log = folder / "server.log"
        self.told: list[str] = []
        self.child = Child(
            Part(
                name="server",
                port=4711,
                command=(sys.executable, "-c", script),
                environment={"PATH": os.environ["PATH"]},
                working_folder=folder,
            ),
            log=self.log,
            held=folder,
            changed=self.told.append,
        )

    def grandchildren(self) -> list[int]:
        return [int(line.split()[1]) for line in self.log.read_text().splitlines() if "grandchild" in line]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0.02)


def play(
    folder: Path, scenario: Callable[[Bench], Coroutine[Any, Any, None]], *, script: str = SERVER
) -> None:
    async def run() -> None:
        bench = Bench(folder, script)
        try:
            await scenario(bench)
        finally:
            await bench.child.stop()

    asyncio.run(run())


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_it_is_started_again_and_what_it_left_behind_is_ended(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.child.start()
        first = bench.child.pid
        assert first
        os.kill(first, signal.SIGKILL)
        await bench.until(lambda: bench.child.pid not in (None, first) and len(bench.told) == 2)
        assert bench.told == ["server ended (signal 9)", f"server runs again as process {bench.child.pid}"]
        await bench.until(lambda: not is_alive(bench.grandchildren()[0]))

    play(tmp_path, scenario)


def test_stop_ends_the_whole_group(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.child.start()
        pid = bench.child.pid
        await bench.child.stop()
        assert pid
        assert not is_alive(pid)
        await bench.until(lambda: not is_alive(bench.grandchildren()[0]))
        assert bench.told == [], "what was asked for is no news"

    play(tmp_path, scenario)


def test_it_stays_down_while_it_is_held(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.child.start()
        (tmp_path / "server").touch()
        os.kill(bench.child.pid or 0, signal.SIGKILL)
        await bench.until(lambda: bool(bench.told))
        await asyncio.sleep(0.5)
        assert bench.child.pid is None
        (tmp_path / "server").unlink()
        await bench.until(lambda: len(bench.told) == 2)
        assert bench.child.pid

    play(tmp_path, scenario)


def test_a_start_that_ends_early_is_told_with_its_log(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        with pytest.raises(StartFailed, match=r"server ended at its start \(exit 3\)") as failure:
            await bench.child.start()
        assert failure.value.log.read_text() == "out of luck\n"

    play(tmp_path, scenario, script="print('out of luck'); raise SystemExit(3)")
