"""The server on a thread of its own, for tests that want it in their process."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future

from localcloud.firestore.engine import Engine
from localcloud.firestore.server import HOST, serve_until


@contextlib.contextmanager
def serve_in_background(engine: Engine, *, port: int = 0) -> Iterator[str]:
    """host:port of a server that runs while the block does (port 0: any free one).

    The engine belongs to the server's thread until the block ends.
    """
    bound: Future[int] = Future()
    stop = asyncio.Event()
    loop = asyncio.new_event_loop()

    def run() -> None:
        try:
            loop.run_until_complete(serve_until(stop, engine, port=port, ready=bound.set_result))
        except BaseException as error:
            if bound.done():
                raise
            bound.set_exception(error)
        finally:
            loop.close()

    thread = threading.Thread(target=run, name="firestore", daemon=True)
    thread.start()
    try:
        yield f"{HOST}:{bound.result(timeout=30)}"
    finally:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=30)
