"""Jobs: create, get, list, update, delete, pause, resume, run."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from google.protobuf.empty_pb2 import Empty
from google.protobuf.field_mask_pb2 import FieldMask

from localcloud.grpc_server import Message, failed_precondition, invalid
from localcloud.locations import location
from localcloud.paging import cursor_of, page_size, split_page
from localcloud.scheduler.job_spec import complete, cron_of, job_name
from localcloud.scheduler.messages import Job, ListJobsResponse
from localcloud.scheduler.store import Store

MAX_PAGE = 500

_UPDATABLE = (
    "description",
    "http_target",
    "pubsub_target",
    "app_engine_http_target",
    "schedule",
    "time_zone",
    "retry_config",
    "attempt_deadline",
)


class Jobs:
    """`changed` is called whenever something may be due that was not."""

    def __init__(self, store: Store, *, changed: Callable[[], None], has_identity: bool) -> None:
        self._store = store
        self._changed = changed
        self._has_identity = has_identity

    def create(self, request: Message) -> Message:
        parent = location(request.parent)
        job = Job()
        _merge(request.job, job, paths=_UPDATABLE)
        job.name = job_name(request.job.name or f"{parent}/jobs/{secrets.randbelow(10**20):020d}")
        if not job.name.startswith(f"{parent}/jobs/"):
            raise invalid("job.name must begin with the parent.")
        complete(job, has_identity=self._has_identity)
        job.state = Job.ENABLED
        now_us = self._store.clock.now_us()
        job.user_update_time.FromMicroseconds(now_us)
        self._store.add_job(job, location=parent, next_tick_us=cron_of(job).after_us(now_us))
        return self._store.job(job.name)

    def get(self, request: Message) -> Message:
        return self._store.job(job_name(request.name))

    def list(self, request: Message) -> Message:
        size = page_size(request.page_size, maximum=MAX_PAGE)
        found = self._store.jobs_in(
            location(request.parent), after=cursor_of(request.page_token), limit=size + 1
        )
        page, token = split_page(found, size=size)
        return ListJobsResponse(jobs=page, next_page_token=token)

    def update(self, request: Message) -> Message:
        job = self._store.job(job_name(request.job.name))
        paths = [path for path in request.update_mask.paths if path != "name"]
        for path in paths:
            if path.partition(".")[0] not in _UPDATABLE or not FieldMask(paths=[path]).IsValidForDescriptor(
                Job.DESCRIPTOR
            ):
                raise invalid(f"update_mask names {path!r}, which cannot be updated.")
        _merge(request.job, job, paths=paths or _UPDATABLE)
        complete(job, has_identity=self._has_identity)
        now_us = self._store.clock.now_us()
        job.user_update_time.FromMicroseconds(now_us)
        self._store.save_job(job, next_tick_us=cron_of(job).after_us(now_us))
        self._changed()
        return self._store.job(job.name)

    def delete(self, request: Message) -> Message:
        self._store.delete_job(self._store.job(job_name(request.name)).name)
        return Empty()

    def pause(self, request: Message) -> Message:
        job = self._store.job(job_name(request.name))
        if job.state != Job.ENABLED:
            raise failed_precondition("Only an ENABLED job can be paused.")
        job.state = Job.PAUSED
        self._store.save_job(job, drop_retry=True)
        return self._store.job(job.name)

    def resume(self, request: Message) -> Message:
        """Ticks that passed while it was paused stay skipped."""
        job = self._store.job(job_name(request.name))
        if job.state != Job.PAUSED:
            raise failed_precondition("Only a PAUSED job can be resumed.")
        job.state = Job.ENABLED
        self._store.save_job(job, next_tick_us=cron_of(job).after_us(self._store.clock.now_us()))
        self._changed()
        return self._store.job(job.name)

    def run(self, request: Message) -> Message:
        """Works on a paused job, and beside an execution that is under way."""
        job = self._store.job(job_name(request.name))
        self._store.add_forced_run(job.name)
        self._changed()
        return self._store.job(job.name)


def _merge(source: Message, job: Message, *, paths: tuple[str, ...] | list[str]) -> None:
    FieldMask(paths=list(paths)).MergeMessage(
        source, job, replace_message_field=True, replace_repeated_field=True
    )
