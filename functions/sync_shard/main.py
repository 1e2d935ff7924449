"""One task: a task for every consent of one shard that time has come for."""

from __future__ import annotations

from typing import Annotated

import flask
import functions_framework
import msgspec

from shared.assembly import internal_api
from shared.domain.clock import SystemClock
from shared.domain.consents import SHARDS
from shared.gcp.clients import firestore_client
from shared.gcp.consent_store import ConsentStore
from shared.gcp.sync_tasks import CloudSyncTasks
from shared.http.call import Call, Reply, json_reply
from shared.http.framework import answer_unroutable
from shared.settings import load_settings, load_task_settings
from shared.use_cases.dispatch_shard import dispatch_shard

_settings = load_settings()
_consents = ConsentStore(firestore_client(project=_settings.project, database=_settings.data_database))
_tasks = CloudSyncTasks(load_task_settings())
api = internal_api("sync_shard", _settings)
answer_unroutable(api)


class ShardTask(msgspec.Struct, frozen=True, kw_only=True):
    shard: Annotated[int, msgspec.Meta(ge=0, lt=SHARDS)]


@api.operation("POST", "/")
def dispatch(call: Call) -> Reply:
    shard = call.body(ShardTask).shard
    enqueued = dispatch_shard(shard, consents=_consents, tasks=_tasks, clock=SystemClock())
    return json_reply({"enqueued": enqueued})


@functions_framework.http
def main(request: flask.Request) -> flask.Response:
    return api(request)
