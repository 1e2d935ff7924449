"""Ends a process when the one that started it is gone, however that one ended. Linux has it; elsewhere nothing."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
# Loaded before any fork: between fork and exec, loading a library could wait for a lock that nobody holds any more.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(parent_pid: int) -> None:
    """Call in the child, right after the fork. `parent_pid` is the parent's own getpid().

    The kernel watches the parent's thread: fork from the main thread alone.
    """
    if _LIBC is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent_pid:  # it was gone before the kernel was asked
        os._exit(1)
