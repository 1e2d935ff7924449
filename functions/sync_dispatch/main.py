"""The Scheduler's tick: a task for every shard of all consents."""

from __future__ import annotations

from datetime import UTC, datetime

import flask
import functions_framework

from shared.assembly import internal_api
from shared.domain.clock import SystemClock
from shared.domain.errors import Invalid
from shared.gcp.sync_tasks import CloudShardTasks
from shared.http.call import Call, Reply, json_reply
from shared.http.framework import answer_unroutable
from shared.settings import load_dispatch_settings, load_settings
from shared.use_cases.dispatch_sync import dispatch_sync

_settings = load_settings()
_tasks = CloudShardTasks(load_dispatch_settings())
_clock = SystemClock()
api = internal_api("sync_dispatch", _settings)
answer_unroutable(api)

_SCHEDULE_TIME = "X-CloudScheduler-ScheduleTime"


@api.operation("POST", "/")
def tick(call: Call) -> Reply:
    scheduled_at = _scheduled_at(call.request.headers.get(_SCHEDULE_TIME))
    return json_reply({"shards": dispatch_sync(scheduled_at, tasks=_tasks, clock=_clock)})


def _scheduled_at(header: str | None) -> datetime:
    """The tick's own time makes its deliveries one; without it, the minute does."""
    if header is None:
        return _clock.now().replace(second=0, microsecond=0)
    try:
        return datetime.fromisoformat(header).astimezone(UTC)
    except ValueError:
        raise Invalid(_SCHEDULE_TIME, "is not a time") from None


@functions_framework.http
def main(request: flask.Request) -> flask.Response:
    return api(request)
