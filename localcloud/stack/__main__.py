"""`make run`: the whole platform on this machine, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import yaml

from localcloud.stack import console, plan, ports
from localcloud.stack.child import StartFailed
from localcloud.stack.credentials import load_or_create
from localcloud.stack.environments import base_environment
from localcloud.stack.folder import StackFolder, StackRunning
from localcloud.stack.job import run_job
from localcloud.stack.plan import Plan
from localcloud.stack.supervisor import Supervisor
from shared.banks.registry import catalogue
from shared.settings import BankSettings

_PARENT_POLL_SECONDS = 0.5


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m localcloud.stack", description=__doc__)
    options.add_argument("--no-demo", action="store_true", help="connect no demo bank")
    options.add_argument("--once", action="store_true", help="start, show the demo, and end")
    options.add_argument("--reset", action="store_true", help="remove the folder's state, and end")
    options.add_argument("--while-pid", type=int, help="end when this process is gone")
    options.add_argument("--manifest", type=Path, default=plan.ROOT / "functions/manifest.yaml")
    options.add_argument("--openapi", type=Path, default=plan.ROOT / "docs/api/openapi.yaml")
    arguments = options.parse_args()
    folder = StackFolder(Path(os.environ.get("LOCALCLOUD_DIR") or plan.ROOT / ".localcloud"))
    if arguments.reset and not folder.path.exists():
        return
    os.umask(0o077)  # what any part writes is its owner's alone
    try:
        folder.take()
        if arguments.reset:
            folder.clear()
            print(f"{folder.path} is gone.")
            return
        stack = _plan(arguments, folder)
    except (StackRunning, ports.PortTaken, ValueError) as refusal:
        sys.exit(f"make run: {refusal}")
    sys.exit(asyncio.run(_run(arguments, stack, folder)))


def _plan(arguments: argparse.Namespace, folder: StackFolder) -> Plan:
    manifest_path: Path = arguments.manifest.resolve()
    manifest = plan.read_manifest(manifest_path)
    names = ["gateway", *plan.PLATFORM, *manifest["functions"]]
    port = os.environ.get("PORT") or "8080"
    if not port.isdecimal() or int(port) > 65_535:
        raise ValueError(f"PORT is a number from 0 to 65535, not {port!r}")
    chosen = ports.choose(names, kept=folder.read("ports.json"), gateway_port=int(port))
    folder.write("ports.json", chosen)
    return Plan(manifest_path=manifest_path, openapi_path=arguments.openapi, manifest=manifest, ports=chosen)


async def _run(arguments: argparse.Namespace, stack: Plan, folder: StackFolder) -> int:
    loop, running = asyncio.get_running_loop(), asyncio.current_task()
    supervisor = Supervisor(
        stack,
        folder,
        openapi=yaml.safe_load(stack.openapi_path.read_text()),
        secrets=load_or_create(folder, bank_ids=_sandbox_bank_ids()),
    )
    asked: list[signal.Signals] = []

    def ask_to_end(number: signal.Signals) -> None:
        asked.append(number)
        if len(asked) > 1:
            supervisor.kill()
        elif running:
            running.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ask_to_end, number)
    try:
        return await _serve(arguments, supervisor, folder)
    except asyncio.CancelledError:
        return 0 if asked == [signal.SIGINT] else 128 + asked[0]
    except StartFailed as failure:
        print(f"\nThe stack did not start: {failure}. The end of {failure.log}:\n", file=sys.stderr)
        print(console.tail(failure.log), file=sys.stderr)
        return 1
    finally:
        began = time.monotonic()
        await supervisor.stop()
        print(f"Every process has ended ({time.monotonic() - began:.1f} s).", flush=True)


async def _serve(arguments: argparse.Namespace, supervisor: Supervisor, folder: StackFolder) -> int:
    began = time.monotonic()
    print(f"Tok on this machine; its state is in {folder.path}", flush=True)
    await supervisor.start()
    print(f"  up after {time.monotonic() - began:.1f} s; logs in {folder.logs}\n", flush=True)
    status = 0 if arguments.no_demo else await _show_demo(folder)
    if arguments.once:
        return status
    print("\nServing. Ctrl-C ends every process.", flush=True)
    while arguments.while_pid is None or _is_alive(arguments.while_pid):
        await asyncio.sleep(_PARENT_POLL_SECONDS)
    return status


async def _show_demo(folder: StackFolder) -> int:
    """In a process of its own: the supervisor forks, and stays free of HTTP clients and their threads."""
    return await run_job("localcloud.stack.demo", str(folder.path), environment=base_environment())


def _sandbox_bank_ids() -> list[str]:
    settings = BankSettings(sandbox_bank_url="", client_credentials={}, timeout_seconds=1)
    return [bank.id for bank in catalogue(settings, plan.ENVIRONMENT)]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    main()
