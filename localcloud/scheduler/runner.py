"""Runs jobs: turns ticks that came due into executions, attempts those, and retries.

Two scheduled executions of one job never overlap; a tick that comes due meanwhile waits. Of the ticks missed while one
was waiting, or the process was down, or the clock jumped, only the latest runs: Cloud Scheduler delivers late rather
than never, and a burst of stale ticks would tell a handler nothing that the latest does not.
"""

from __future__ import annotations

import asyncio
import logging

import aiohttp
from multidict import CIMultiDict

from localcloud.backoff import retry_delay_us
from localcloud.delivery import deliver
from localcloud.grpc_server import Message
from localcloud.http_target import Outcome, outgoing_headers
from localcloud.identity.mint import TokenMinter
from localcloud.scheduler.job_spec import cron_of
from localcloud.scheduler.messages import HttpMethod, Job
from localcloud.scheduler.store import Execution, Store

LOG = logging.getLogger(__name__)

_LOOK_EVERY_SECONDS = 0.2


class Runner:
    def __init__(self, store: Store, *, session: aiohttp.ClientSession, minter: TokenMinter | None) -> None:
        self._store = store
        self._session = session
        self._minter = minter
        self._in_flight: dict[int, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()

    def wake(self) -> None:
        self._changed.set()

    async def run(self) -> None:
        while True:
            self._changed.clear()
            self._start_due()
            try:
                async with asyncio.timeout(_LOOK_EVERY_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def stop(self) -> None:
        """Break off what is in flight: the next process attempts it again."""
        attempts = list(self._in_flight.values())
        for attempt in attempts:
            attempt.cancel()
        await asyncio.gather(*attempts, return_exceptions=True)

    def _start_due(self) -> None:
        now_us = self._store.clock.now_us()
        for name, tick_us in self._store.jobs_due():
            job = self._store.job(name)
            cron = cron_of(job)
            if job.state == Job.ENABLED:
                latest_us = max(tick_us, cron.latest_us(now_us))
                self._store.add_tick(name, tick_us=latest_us, next_tick_us=cron.after_us(now_us))
            else:
                self._store.set_next_tick(name, next_tick_us=cron.after_us(now_us))
        for execution in self._store.executions_due():
            if execution.id not in self._in_flight:
                job = self._store.job(execution.job)
                begun = self._store.begin_attempt(execution, job)
                self._in_flight[execution.id] = asyncio.create_task(self._attempt(begun, job))

    async def _attempt(self, execution: Execution, job: Message) -> None:
        try:
            outcome = await self._deliver(execution, job)
            retry_us = None if outcome.succeeded else self._retry_us(execution, job, outcome)
            if not outcome.succeeded:
                LOG.info("%s attempt %d: %s", job.name, execution.attempts, outcome.reason)
            self._store.end_attempt(execution, code=outcome.code, reason=outcome.reason, retry_us=retry_us)
        except Exception:
            LOG.exception("an attempt could not be made or recorded")
        finally:
            del self._in_flight[execution.id]
            self.wake()

    async def _deliver(self, execution: Execution, job: Message) -> Outcome:
        target = job.http_target
        return await deliver(
            self._session,
            self._minter,
            oidc_token=target.oidc_token if target.HasField("oidc_token") else None,
            method=HttpMethod(target.http_method).name,
            url=target.uri,
            headers=attempt_headers(execution, job),
            body=target.body,
            timeout_seconds=job.attempt_deadline.ToMilliseconds() / 1_000,
        )

    def _retry_us(self, execution: Execution, job: Message, outcome: Outcome) -> int | None:
        """When to try again: retry_count times, until max_retry_duration too if set, and before the next tick."""
        retry, now_us = job.retry_config, self._store.clock.now_us()
        duration_us = retry.max_retry_duration.ToMicroseconds()
        first_us = execution.first_attempt_us if execution.first_attempt_us is not None else now_us
        counted_out = execution.attempts > retry.retry_count
        timed_out = not duration_us or now_us - first_us >= duration_us
        if retry.retry_count == 0 or (counted_out and timed_out):
            return None
        delay_us = retry_delay_us(
            execution.attempts,
            min_us=retry.min_backoff_duration.ToMicroseconds(),
            max_us=retry.max_backoff_duration.ToMicroseconds(),
            max_doublings=retry.max_doublings,
        )
        retry_us = now_us + max(delay_us, round(outcome.retry_after_seconds * 1_000_000))
        next_tick_us = self._store.next_tick_us(job.name)
        if not execution.forced and next_tick_us is not None and retry_us >= next_tick_us:
            return None
        return retry_us


def attempt_headers(execution: Execution, job: Message) -> CIMultiDict[str]:
    """The headers that HttpTarget.headers documents. The job's name is its short one."""
    headers = outgoing_headers(
        job.http_target.headers, user_agent="Google-Cloud-Scheduler", reserved_prefix="x-cloudscheduler"
    )
    if job.http_target.body:
        headers.setdefault("Content-Type", "application/octet-stream")
    headers["X-CloudScheduler"] = "true"
    headers["X-CloudScheduler-JobName"] = job.name.rpartition("/")[2]
    headers["X-CloudScheduler-ScheduleTime"] = cron_of(job).shown(execution.tick_us)
    return headers
