"""Calls that wait for another transaction's documents, made again when something may have changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from localcloud.firestore.engine import Engine
from localcloud.firestore.errors import MustWait, aborted
from localcloud.firestore.transactions import LOCK_TIMEOUT_SECONDS, Transaction

_Result = TypeVar("_Result")


class Turnstile:
    """Belongs to one event loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiters: set[asyncio.Future[None]] = set()
        self._releases_seen = 0

    def turn(self) -> None:
        """Let every waiting call try again, if something was let go since the last time."""
        if self._engine.transactions.releases == self._releases_seen:
            return
        self._releases_seen = self._engine.transactions.releases
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    async def retry(self, wait: MustWait, attempt: Callable[[], _Result]) -> _Result:
        """Make the call again after every turn until it is through, or until its time is up."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LOCK_TIMEOUT_SECONDS
        try:
            while True:
                # The call that now waits may itself have let others go on.
                self.turn()
                waiter: asyncio.Future[None] = loop.create_future()
                self._waiters.add(waiter)
                _, pending = await asyncio.wait({waiter}, timeout=deadline - loop.time())
                self._waiters.discard(waiter)
                if pending and not self._engine.transactions.time_out(wait, now_ns=self._engine.now_ns()):
                    raise aborted(
                        f"{wait.name} stayed locked for {LOCK_TIMEOUT_SECONDS} seconds. Please try again."
                    )
                try:
                    return attempt()
                except MustWait as again:
                    wait = again
        finally:
            if isinstance(wait.transaction, Transaction):
                self._engine.transactions.stop_waiting(wait.transaction)
