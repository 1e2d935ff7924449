"""Delivers tasks that are due, within their queues' limits, and records how each attempt ended."""

from __future__ import annotations

import asyncio
import logging
import time

import aiohttp
from multidict import CIMultiDict

from localcloud.delivery import deliver
from localcloud.grpc_server import Message
from localcloud.http_target import Outcome, outgoing_headers
from localcloud.identity.mint import TokenMinter
from localcloud.tasks import names
from localcloud.tasks.lane import Lane
from localcloud.tasks.messages import HttpMethod, Queue
from localcloud.tasks.retry import next_attempt_us, retry_config_of
from localcloud.tasks.store import Progress, Store

LOG = logging.getLogger(__name__)

# How often a moved clock is noticed. Everything else wakes the loop by itself.
_LOOK_EVERY_SECONDS = 0.2


class Dispatcher:
    def __init__(self, store: Store, *, session: aiohttp.ClientSession, minter: TokenMinter | None) -> None:
        self._store = store
        self._session = session
        self._minter = minter
        self._lanes: dict[str, Lane] = {}
        self._attempts: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    def wake(self) -> None:
        self._changed.set()

    async def run(self) -> None:
        while True:
            self._changed.clear()
            wait_seconds = self._start_due()
            try:
                async with asyncio.timeout(wait_seconds):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def run_now(self, name: str) -> None:
        """Attempt a task at once, even if its queue is paused or at its limits, or the task is running."""
        queue = self._store.queue(names.queue_of(name))
        lane = self._lane(queue)
        lane.running += 1
        self._start(name, lane)

    async def stop(self) -> None:
        """Break off what is in flight: it is delivered again by the next process."""
        for attempt in self._attempts:
            attempt.cancel()
        await asyncio.gather(*self._attempts, return_exceptions=True)

    def _start_due(self) -> float:
        """Start what may start; returns the seconds until it is worth looking again."""
        wait_seconds = _LOOK_EVERY_SECONDS
        for queue in self._store.queues():
            if queue.state == Queue.RUNNING:
                wait_seconds = min(wait_seconds, self._start_due_of(queue))
        return wait_seconds

    def _start_due_of(self, queue: Message) -> float:
        limits, lane = queue.rate_limits, self._lane(queue)
        rate = limits.max_dispatches_per_second
        room = lane.room(
            rate=rate,
            burst=limits.max_burst_size,
            concurrent=limits.max_concurrent_dispatches,
            now=time.monotonic(),
        )
        for name in self._store.due(queue.name, limit=room):
            lane.take()
            self._start(name, lane)
        next_due_us = self._store.next_due_us(queue.name)
        if next_due_us is None or lane.running >= limits.max_concurrent_dispatches:
            return _LOOK_EVERY_SECONDS
        seconds_to_due = (next_due_us - self._store.clock.now_us()) / 1_000_000
        return max(0.0, seconds_to_due, lane.seconds_to_token(rate=rate))

    def _lane(self, queue: Message) -> Lane:
        if queue.name not in self._lanes:
            self._lanes[queue.name] = Lane(burst=queue.rate_limits.max_burst_size, now=time.monotonic())
        return self._lanes[queue.name]

    def _start(self, name: str, lane: Lane) -> None:
        self._store.begin_attempt(name)
        attempt = asyncio.create_task(self._attempt(name, lane))
        self._attempts.add(attempt)
        attempt.add_done_callback(self._attempts.discard)

    async def _attempt(self, name: str, lane: Lane) -> None:
        try:
            found = self._store.task_or_none(name)
            if found is None:
                return
            outcome = await self._deliver(*found)
            lane.note_answer(outcome.status, now=time.monotonic())
            self._record(name, outcome)
        except Exception:
            LOG.exception("an attempt could not be made or recorded")
        finally:
            lane.running -= 1
            self.wake()

    async def _deliver(self, task: Message, progress: Progress) -> Outcome:
        request = task.http_request
        return await deliver(
            self._session,
            self._minter,
            oidc_token=request.oidc_token if request.HasField("oidc_token") else None,
            method=HttpMethod(request.http_method).name,
            url=request.url,
            headers=attempt_headers(task, progress),
            body=request.body,
            timeout_seconds=task.dispatch_deadline.ToMilliseconds() / 1_000,
        )

    def _record(self, name: str, outcome: Outcome) -> None:
        if outcome.succeeded:
            self._store.remove_task(name)
            return
        found = self._store.task_or_none(name)
        queue = self._store.queue_or_none(names.queue_of(name))
        if found is None or queue is None:
            return
        task, progress = found
        due_us = next_attempt_us(
            retry_config_of(task, queue),
            progress,
            now_us=self._store.clock.now_us(),
            retry_after_seconds=outcome.retry_after_seconds,
        )
        LOG.info(
            "%s attempt %d: %s; %s",
            name,
            progress.dispatches,
            outcome.reason,
            "no more attempts" if due_us is None else "will retry",
        )
        if due_us is None:
            self._store.remove_task(name)
            return
        self._store.record_failure(
            name, due_us=due_us, http_status=outcome.status, code=outcome.code, reason=outcome.reason
        )


def attempt_headers(task: Message, progress: Progress) -> CIMultiDict[str]:
    """The headers of an attempt that is counted already (cloud.google.com/tasks/docs/creating-http-target-tasks)."""
    headers = outgoing_headers(
        task.http_request.headers, user_agent="Google-Cloud-Tasks", reserved_prefix="x-cloudtasks-"
    )
    retries = progress.dispatches - 1
    seconds, microseconds = divmod(progress.last_schedule_us or progress.due_us, 1_000_000)
    headers["X-CloudTasks-QueueName"] = names.short(names.queue_of(task.name))
    headers["X-CloudTasks-TaskName"] = names.short(task.name)
    headers["X-CloudTasks-TaskRetryCount"] = str(retries)
    headers["X-CloudTasks-TaskExecutionCount"] = str(progress.executions)
    headers["X-CloudTasks-TaskETA"] = f"{seconds}.{microseconds:06d}"
    if retries and progress.last_http_status is not None:
        headers["X-CloudTasks-TaskPreviousResponse"] = str(progress.last_http_status)
    if retries and progress.last_reason:
        headers["X-CloudTasks-TaskRetryReason"] = progress.last_reason
    return headers
