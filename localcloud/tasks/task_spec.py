"""What a task may be when it is created, and what of it a caller is shown."""

from __future__ import annotations

import secrets

from localcloud.clock import Clock
from localcloud.grpc_server import Message, invalid, unserved
from localcloud.http_target import check_target, check_tokens
from localcloud.tasks import names
from localcloud.tasks.messages import HttpMethod, Task
from localcloud.tasks.queue_config import check_retry
from localcloud.tasks.store import Progress

MAX_TASK_BYTES = 1024 * 1024

_DAY_US = 24 * 3600 * 1_000_000
_MAX_AHEAD_US = 30 * _DAY_US
_DEADLINE_SECONDS = (15, 30 * 60)
_DEADLINE_SECONDS_DEFAULT = 10 * 60


def checked_task(asked: Message, *, queue: str, clock: Clock, has_identity: bool) -> Message:
    """The task to keep: named, with all its times set. Raises Refused."""
    if asked.ByteSize() > MAX_TASK_BYTES:
        raise invalid(f"Task size must not exceed {MAX_TASK_BYTES} bytes.")
    if not asked.HasField("http_request"):
        raise unserved("A task without http_request (App Engine tasks)")
    task = Task()
    task.name = _checked_name(asked.name, queue=queue)
    task.http_request.CopyFrom(asked.http_request)
    _check_http_request(task.http_request, has_identity=has_identity)
    now_us = clock.now_us()
    task.create_time.FromMicroseconds(now_us // 1_000_000 * 1_000_000)
    schedule_us = asked.schedule_time.ToMicroseconds()
    if schedule_us > now_us + _MAX_AHEAD_US:
        raise invalid("The schedule_time cannot be more than 30 days ahead.")
    task.schedule_time.FromMicroseconds(max(schedule_us, now_us))
    task.dispatch_deadline.FromSeconds(_DEADLINE_SECONDS_DEFAULT)
    if asked.HasField("dispatch_deadline"):
        task.dispatch_deadline.FromMilliseconds(asked.dispatch_deadline.ToMilliseconds())
    if not _DEADLINE_SECONDS[0] <= task.dispatch_deadline.ToMilliseconds() / 1000 <= _DEADLINE_SECONDS[1]:
        raise invalid("dispatch_deadline must be between 15 seconds and 30 minutes.")
    if asked.HasField("retry_config"):
        check_retry(asked.retry_config)
        task.retry_config.CopyFrom(asked.retry_config)
    return task


def shown_task(task: Message, progress: Progress, *, view: int) -> Message:
    """The task with its progress. The BASIC view, which is the default, leaves out the body."""
    shown = Task()
    shown.CopyFrom(task)
    shown.schedule_time.FromMicroseconds(progress.due_us)
    shown.dispatch_count, shown.response_count = progress.dispatches, progress.responses
    if progress.first_dispatch_us is not None:
        shown.first_attempt.dispatch_time.FromMicroseconds(progress.first_dispatch_us)
    if progress.last_dispatch_us is not None:
        attempt = shown.last_attempt
        attempt.schedule_time.FromMicroseconds(progress.last_schedule_us)
        attempt.dispatch_time.FromMicroseconds(progress.last_dispatch_us)
        if progress.last_response_us is not None and progress.last_response_us >= progress.last_dispatch_us:
            attempt.response_time.FromMicroseconds(progress.last_response_us)
            attempt.response_status.code = progress.last_code
            attempt.response_status.message = progress.last_reason
    shown.view = Task.FULL if view == Task.FULL else Task.BASIC
    if shown.view == Task.BASIC:
        shown.http_request.ClearField("body")
    return shown


def _checked_name(asked: str, *, queue: str) -> str:
    if not asked:
        return f"{queue}/tasks/{secrets.randbelow(10**20):020d}"
    if names.queue_of(names.task(asked)) != queue:
        raise invalid("task.name must begin with the parent.")
    return asked


def _check_http_request(request: Message, *, has_identity: bool) -> None:
    if not request.http_method:
        request.http_method = HttpMethod.POST
    check_target(
        url=request.url,
        method=HttpMethod(request.http_method).name,
        headers=request.headers,
        body=request.body,
        field="HttpRequest.url",
    )
    check_tokens(request, field="HttpRequest", has_identity=has_identity)
