"""A process of the stack that does one thing and ends, never outliving the supervisor or its own cancellation."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from typing import IO

from localcloud.die_with_parent import die_with_parent
from localcloud.stack import plan


async def run_job(
    module: str, *arguments: str, environment: Mapping[str, str], output: IO[bytes] | None = None
) -> int:
    """The exit status of `python -m module`; its output goes to `output`, or where the supervisor's goes."""
    supervisor_pid = os.getpid()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        env=environment,
        cwd=plan.ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=asyncio.subprocess.STDOUT if output else None,
        start_new_session=True,  # the terminal's Ctrl-C is the supervisor's alone
        preexec_fn=lambda: die_with_parent(supervisor_pid),
    )
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
