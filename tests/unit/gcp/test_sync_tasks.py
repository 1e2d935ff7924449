"""Against a local Cloud Tasks, through Google's own client."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from google.api_core.exceptions import GoogleAPICallError
from google.cloud import tasks_v2

from shared.gcp import sync_tasks
from shared.gcp.sync_tasks import CloudShardTasks, CloudSyncTasks
from shared.settings import DispatchSettings, TaskSettings
from shared.use_cases.ports import SyncTask
from tests.localcloud.tasks.conftest import (
    Client,
    client,
    data,
    identity_url,
    location,
    make_queue,
    queue,
)

__all__ = ["client", "data", "identity_url", "location", "make_queue", "queue"]

LATER = datetime.now(UTC) + timedelta(hours=1)
URL = "http://127.0.0.1:1/"


def settings(queue: str, url: str = URL) -> TaskSettings:
    return TaskSettings(sync_queue=queue, sync_consent_url=url, service_account="tasks@tok-test")


def task(number: int, window: str = "w") -> SyncTask:
    return SyncTask(organisation_id="org_1", consent_id=f"con_{number}", window=window, not_before=LATER)


def names(client: Client, queue: tasks_v2.Queue) -> list[str]:
    return sorted(each.name.rpartition("/")[2] for each in client.list_tasks(parent=queue.name))


@pytest.fixture(autouse=True)
def local_client(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync_tasks, "tasks_client", lambda: client)


def test_many_are_enqueued_once_each_however_often_they_are_asked_for(
    client: Client, queue: tasks_v2.Queue
) -> None:
    tasks = CloudSyncTasks(settings(queue.name))
    tasks.enqueue("org_1", "con_3", window="w", not_before=LATER)
    for _ in range(2):
        tasks.enqueue_many([task(number) for number in range(100)])
    assert names(client, queue) == sorted(f"con_{number}-w" for number in range(100))


def test_a_task_says_whose_sync_it_is_and_when(client: Client, queue: tasks_v2.Queue) -> None:
    CloudSyncTasks(settings(queue.name)).enqueue_many([task(1)])
    found = client.get_task(
        request={"name": f"{queue.name}/tasks/con_1-w", "response_view": tasks_v2.Task.View.FULL}
    )
    assert msgspec.json.decode(found.http_request.body) == {"organisationId": "org_1", "consentId": "con_1"}
    assert found.http_request.oidc_token.audience == URL
    assert abs((found.schedule_time - LATER).total_seconds()) < 0.001


def test_what_could_not_be_enqueued_is_told(queue: tasks_v2.Queue) -> None:
    tasks = CloudSyncTasks(settings(queue.name, url="ftp://elsewhere.example/"))
    with pytest.raises(GoogleAPICallError):
        tasks.enqueue_many([task(1)])
    missing = CloudSyncTasks(settings(queue.name + "-missing"))
    with pytest.raises(GoogleAPICallError):
        missing.enqueue_many([task(1)])


def test_a_shard_of_a_tick_is_one_task(client: Client, queue: tasks_v2.Queue) -> None:
    tasks = CloudShardTasks(
        DispatchSettings(dispatch_queue=queue.name, sync_shard_url=URL, service_account="tasks@tok-test")
    )
    tick = datetime(2026, 11, 24, 9, 5, tzinfo=UTC)
    for scheduled_at in (tick, tick, tick + timedelta(minutes=5)):
        tasks.enqueue_shard(7, scheduled_at=scheduled_at, not_before=LATER)
    assert names(client, queue) == ["shard-07-20261124T090500Z", "shard-07-20261124T091000Z"]
