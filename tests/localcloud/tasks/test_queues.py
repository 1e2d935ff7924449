from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from google.api_core.exceptions import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    MethodNotImplemented,
    NotFound,
)
from google.cloud import tasks_v2
from test_utils.system import unique_resource_id

from tests.localcloud.http_receiver import Receiver
from tests.localcloud.tasks.conftest import Client, MakeQueue

HOUR_SECONDS = 3600


def test_a_new_queue_runs_with_googles_defaults(client: Client, make_queue: MakeQueue) -> None:
    queue = make_queue()
    assert queue.state == tasks_v2.Queue.State.RUNNING
    assert queue.rate_limits.max_dispatches_per_second == 500
    assert queue.rate_limits.max_burst_size == 100
    assert queue.rate_limits.max_concurrent_dispatches == 1000
    assert queue.retry_config.max_attempts == 100
    assert queue.retry_config.max_doublings == 16
    assert queue.retry_config.min_backoff == timedelta(milliseconds=100)
    assert queue.retry_config.max_backoff == timedelta(hours=1)
    assert client.get_queue(name=queue.name) == queue


def test_a_queue_is_created_once(client: Client, location: str, queue: tasks_v2.Queue) -> None:
    with pytest.raises(AlreadyExists):
        client.create_queue(parent=location, queue={"name": queue.name})


@pytest.mark.parametrize(
    "settings",
    [
        {"rate_limits": {"max_dispatches_per_second": 501}},
        {"rate_limits": {"max_dispatches_per_second": -1}},
        {"rate_limits": {"max_concurrent_dispatches": 5001}},
        {"retry_config": {"max_attempts": -2}},
        {"retry_config": {"min_backoff": timedelta(seconds=9), "max_backoff": timedelta(seconds=8)}},
        {"retry_config": {"max_retry_duration": timedelta(seconds=-1)}},
    ],
)
def test_settings_out_of_bounds_are_refused(make_queue: MakeQueue, settings: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument):
        make_queue(**settings)


def test_names_have_the_documented_form(client: Client, location: str) -> None:
    for name in (f"{location}/queues/a_b", "projects/p/locations/other/queues/a", ""):
        with pytest.raises(InvalidArgument):
            client.create_queue(parent=location, queue={"name": name})


def test_what_is_not_served_says_so(client: Client, location: str, make_queue: MakeQueue) -> None:
    with pytest.raises(MethodNotImplemented, match="http_target"):
        make_queue(http_target={"http_method": "POST"})
    with pytest.raises(MethodNotImplemented, match="GetIamPolicy is not served"):
        client.get_iam_policy(request={"resource": f"{location}/queues/a"})


def test_queues_are_listed_in_pages(client: Client) -> None:
    parent = f"projects/pages{unique_resource_id('-')}/locations/europe-west1"
    for name in ("a", "b", "c"):
        client.create_queue(parent=parent, queue={"name": f"{parent}/queues/{name}"})
    pages = list(client.list_queues({"parent": parent, "page_size": 2}).pages)
    assert [[queue.name[-1] for queue in page.queues] for page in pages] == [["a", "b"], ["c"]]


def test_an_update_changes_what_the_mask_names(client: Client, make_queue: MakeQueue) -> None:
    queue = make_queue(retry_config={"max_attempts": 7})
    changed = {
        "name": queue.name,
        "rate_limits": {"max_dispatches_per_second": 5},
        "retry_config": {"max_attempts": 9, "max_doublings": 0},
    }
    updated = client.update_queue(
        queue=changed,
        update_mask={"paths": ["rate_limits.max_dispatches_per_second", "retry_config.max_doublings"]},
    )
    assert updated.rate_limits.max_dispatches_per_second == 5
    assert updated.rate_limits.max_burst_size == 10
    assert updated.rate_limits.max_concurrent_dispatches == 1000
    assert (updated.retry_config.max_attempts, updated.retry_config.max_doublings) == (7, 0)
    assert client.get_queue(name=queue.name) == updated
    with pytest.raises(InvalidArgument, match="update_mask"):
        client.update_queue(queue=changed, update_mask={"paths": ["state"]})


def test_an_update_creates_a_queue_that_is_not_there(client: Client, location: str) -> None:
    name = f"{location}/queues/new{unique_resource_id('-')}"
    client.update_queue(queue={"name": name})
    assert client.get_queue(name=name).rate_limits.max_dispatches_per_second == 500


def test_a_paused_queue_delivers_when_it_is_resumed(
    client: Client, queue: tasks_v2.Queue, receiver: Receiver
) -> None:
    assert client.pause_queue(name=queue.name).state == tasks_v2.Queue.State.PAUSED
    held = {"http_request": {"url": f"{receiver.url}/held"}}
    client.create_task(parent=queue.name, task=held)
    other = client.create_queue(
        parent=queue.name.rpartition("/queues/")[0], queue={"name": f"{queue.name}-other"}
    )
    client.create_task(parent=other.name, task={"http_request": {"url": f"{receiver.url}/other"}})
    receiver.wait_for(1, path="/other")
    assert receiver.received("/held") == []
    client.resume_queue(name=queue.name)
    receiver.wait_for(1, path="/held")


def test_purging_drops_the_tasks_and_keeps_the_queue(client: Client, queue: tasks_v2.Queue) -> None:
    client.pause_queue(name=queue.name)
    task = {"name": f"{queue.name}/tasks/a", "http_request": {"url": "http://127.0.0.1:9/"}}
    client.create_task(parent=queue.name, task=task)
    assert client.purge_queue(name=queue.name).purge_time
    assert list(client.list_tasks(parent=queue.name)) == []
    with pytest.raises(AlreadyExists):
        client.create_task(parent=queue.name, task=task)


def test_a_deleted_queues_name_rests_for_three_days(
    client: Client, location: str, queue: tasks_v2.Queue, move_clock: Callable[[float], None]
) -> None:
    client.delete_queue(name=queue.name)
    with pytest.raises(NotFound):
        client.get_queue(name=queue.name)
    with pytest.raises(NotFound):
        client.create_task(parent=queue.name, task={"http_request": {"url": "http://127.0.0.1:9/"}})
    with pytest.raises(FailedPrecondition, match="existed too recently"):
        client.create_queue(parent=location, queue={"name": queue.name})
    move_clock(73 * HOUR_SECONDS)
    client.create_queue(parent=location, queue={"name": queue.name})
