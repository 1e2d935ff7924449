"""Sync tasks in Cloud Tasks: named by consent and window, so that asking twice enqueues once."""

from __future__ import annotations

from datetime import datetime

import msgspec
from google.api_core.exceptions import AlreadyExists
from google.cloud import tasks_v2
from google.protobuf import duration_pb2, timestamp_pb2

from shared.gcp.clients import tasks_client
from shared.settings import TaskSettings

_DISPATCH_DEADLINE_SECONDS = 600


class CloudSyncTasks:
    def __init__(self, settings: TaskSettings) -> None:
        self._settings = settings

    def enqueue(self, organisation_id: str, consent_id: str, *, window: str, not_before: datetime) -> None:
        schedule = timestamp_pb2.Timestamp()
        schedule.FromDatetime(not_before)
        body = msgspec.json.encode({"organisationId": organisation_id, "consentId": consent_id})
        task = tasks_v2.Task(
            name=f"{self._settings.sync_queue}/tasks/{consent_id}-{window}",
            schedule_time=schedule,
            dispatch_deadline=duration_pb2.Duration(seconds=_DISPATCH_DEADLINE_SECONDS),
            http_request=tasks_v2.HttpRequest(
                http_method=tasks_v2.HttpMethod.POST,
                url=self._settings.sync_consent_url,
                headers={"Content-Type": "application/json"},
                body=body,
                oidc_token=tasks_v2.OidcToken(
                    service_account_email=self._settings.service_account,
                    audience=self._settings.sync_consent_url,
                ),
            ),
        )
        try:
            tasks_client().create_task(
                request=tasks_v2.CreateTaskRequest(parent=self._settings.sync_queue, task=task)
            )
        except AlreadyExists:
            return
