"""Whether this process has been asked to end: Cloud Run sends SIGTERM, and SIGKILL 10 s later."""

from __future__ import annotations

import signal


def is_stopping() -> bool:
    """gunicorn's own handler of SIGTERM is its worker's, and marks it no longer `alive`.

    A handler of ours could only be set in the main thread, where none of our code runs, and would replace gunicorn's.
    """
    worker = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return not getattr(worker, "alive", True)
