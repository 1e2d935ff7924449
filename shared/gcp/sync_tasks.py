"""Sync tasks in Cloud Tasks: named by what they are for and a window, so that asking twice enqueues once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from google.api_core.exceptions import AlreadyExists, from_grpc_status
from google.cloud import tasks_v2
from google.protobuf import duration_pb2, timestamp_pb2

from shared.gcp.clients import tasks_client
from shared.settings import DispatchSettings, TaskSettings
from shared.use_cases.ports import SyncTask

_DISPATCH_DEADLINE_SECONDS = 600
_BATCH_TIMEOUT_SECONDS = 60
_ALREADY_EXISTS = 6
"""google.rpc.Code"""


class CloudSyncTasks:
    def __init__(self, settings: TaskSettings) -> None:
        self._settings = settings

    def enqueue(self, organisation_id: str, consent_id: str, *, window: str, not_before: datetime) -> None:
        _create(
            self._request(
                SyncTask(
                    organisation_id=organisation_id,
                    consent_id=consent_id,
                    window=window,
                    not_before=not_before,
                )
            )
        )

    def enqueue_many(self, tasks: Sequence[SyncTask]) -> None:
        operation = tasks_client().batch_create_tasks(
            request=tasks_v2.BatchCreateTasksRequest(
                parent=self._settings.sync_queue, requests=[self._request(task) for task in tasks]
            )
        )
        # Its metadata names what failed. Of the operation's own error nothing is asked: a batch of which every
        # task was there before is an error to Cloud Tasks.
        error = operation.exception(  # type: ignore[no-untyped-call]
            timeout=_BATCH_TIMEOUT_SECONDS
        )
        failed = operation.metadata.failed_requests if operation.metadata else {}
        if error is not None and not failed:
            raise error
        for status in failed.values():
            if status.code != _ALREADY_EXISTS:
                raise from_grpc_status(status.code, status.message)  # type: ignore[no-untyped-call]

    def _request(self, task: SyncTask) -> tasks_v2.CreateTaskRequest:
        return _request(
            queue=self._settings.sync_queue,
            name=f"{task.consent_id}-{task.window}",
            url=self._settings.sync_consent_url,
            service_account=self._settings.service_account,
            body={"organisationId": task.organisation_id, "consentId": task.consent_id},
            not_before=task.not_before,
        )


class CloudShardTasks:
    def __init__(self, settings: DispatchSettings) -> None:
        self._settings = settings

    def enqueue_shard(self, shard: int, *, scheduled_at: datetime, not_before: datetime) -> None:
        tick = scheduled_at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        _create(
            _request(
                queue=self._settings.dispatch_queue,
                name=f"shard-{shard:02d}-{tick}",
                url=self._settings.sync_shard_url,
                service_account=self._settings.service_account,
                body={"shard": shard},
                not_before=not_before,
            )
        )


def _request(
    *, queue: str, name: str, url: str, service_account: str, body: dict[str, Any], not_before: datetime
) -> tasks_v2.CreateTaskRequest:
    schedule = timestamp_pb2.Timestamp()
    schedule.FromDatetime(not_before)
    task = tasks_v2.Task(
        name=f"{queue}/tasks/{name}",
        schedule_time=schedule,
        dispatch_deadline=duration_pb2.Duration(seconds=_DISPATCH_DEADLINE_SECONDS),
        http_request=tasks_v2.HttpRequest(
            http_method=tasks_v2.HttpMethod.POST,
            url=url,
            headers={"Content-Type": "application/json"},
            body=msgspec.json.encode(body),
            oidc_token=tasks_v2.OidcToken(service_account_email=service_account, audience=url),
        ),
    )
    return tasks_v2.CreateTaskRequest(parent=queue, task=task)


def _create(request: tasks_v2.CreateTaskRequest) -> None:
    try:
        tasks_client().create_task(request=request)
    except AlreadyExists:
        return
