"""How a process of the local platform starts and ends, so that whatever runs it can rely on one way."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import re
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from localcloud.clock import FileClock


def parser(*, program: str, what: str) -> argparse.ArgumentParser:
    """The options that every one of them has: `--port` (0 picks a free one) and `--data`."""
    options = argparse.ArgumentParser(prog=f"python -m localcloud.{program}", description=what)
    options.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 picks a free one")
    options.add_argument("--data", type=Path, required=True, help="folder that holds the state")
    return options


def add_clock_option(options: argparse.ArgumentParser) -> None:
    options.add_argument(
        "--clock", type=Path, help="file that moves time (default: clock.json in the data folder)"
    )


def add_identity_option(options: argparse.ArgumentParser) -> None:
    options.add_argument(
        "--identity",
        type=_loopback_url,
        help="the identity server, http://127.0.0.1:PORT; needed for OIDC tokens",
    )


def _loopback_url(given: str) -> str:
    if not re.fullmatch(r"http://127\.0\.0\.1:[0-9]+/?", given):
        raise argparse.ArgumentTypeError("must be http://127.0.0.1:PORT")
    return given


def chosen_clock(arguments: argparse.Namespace) -> FileClock:
    return FileClock(arguments.clock or arguments.data / "clock.json")


def prepare() -> None:
    """Files of this process are its owner's alone (key material lies among them); logs go to stderr."""
    os.umask(0o077)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s %(levelname)s %(message)s")


def announce(*, port: int) -> None:
    print(f"listening on 127.0.0.1:{port}", flush=True)


def stop_event() -> asyncio.Event:
    """Set by SIGTERM or SIGINT. Ask for it before announcing, or an early signal would kill outright."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def run_until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Run `work` until `stop` is set. An error of `work` is raised: a server that stopped working must not linger."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if working.done():
        working.result()
    working.cancel()
    await asyncio.gather(working, stopping, return_exceptions=True)
