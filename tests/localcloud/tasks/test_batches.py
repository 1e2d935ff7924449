from __future__ import annotations

import uuid

import pytest
from google.api_core.exceptions import Aborted, InvalidArgument
from google.cloud import tasks_v2

from tests.localcloud.http_receiver import Receiver
from tests.localcloud.tasks.conftest import Client


def part(queue: str, url: str, **task: object) -> dict[str, object]:
    return {"parent": queue, "task": {"http_request": {"url": url}, **task}}


def test_a_batch_creates_all_its_tasks(client: Client, queue: tasks_v2.Queue, receiver: Receiver) -> None:
    parts = [part(queue.name, f"{receiver.url}/a") for _ in range(100)]
    operation = client.batch_create_tasks(parent=queue.name, requests=parts)
    assert len(operation.result().tasks) == 100
    assert operation.metadata.state == tasks_v2.BatchCreateTasksMetadata.State.SUCCEEDED
    receiver.wait_for(100, path="/a")


def test_a_request_id_makes_a_repeated_batch_the_same(
    client: Client, queue: tasks_v2.Queue, receiver: Receiver
) -> None:
    request = {
        "parent": queue.name,
        "requests": [part(queue.name, f"{receiver.url}/a")],
        "request_id": str(uuid.uuid4()),
    }
    first = client.batch_create_tasks(request)
    again = client.batch_create_tasks(request)
    assert again.operation == first.operation
    client.create_task(parent=queue.name, task={"http_request": {"url": f"{receiver.url}/b"}})
    receiver.wait_for(1, path="/b")
    receiver.wait_for(1, path="/a")
    assert len(receiver.received("/a")) == 1


def test_what_fails_is_named_and_the_rest_is_created(
    client: Client, queue: tasks_v2.Queue, receiver: Receiver
) -> None:
    named = part(queue.name, f"{receiver.url}/a", name=f"{queue.name}/tasks/a")
    requests = [named, part(queue.name, "http://example.com/"), named]
    operation = client.batch_create_tasks(parent=queue.name, requests=requests)
    assert [task.name for task in operation.result().tasks] == [f"{queue.name}/tasks/a"]
    assert operation.metadata.state == tasks_v2.BatchCreateTasksMetadata.State.PARTIALLY_SUCCEEDED
    failed = operation.metadata.failed_requests
    assert {index: status.code for index, status in failed.items()} == {1: 3, 2: 6}
    receiver.wait_for(1, path="/a")


def test_a_batch_of_which_nothing_could_be_created_is_aborted(client: Client, queue: tasks_v2.Queue) -> None:
    operation = client.batch_create_tasks(
        parent=queue.name, requests=[part(queue.name, "http://example.com/")]
    )
    with pytest.raises(Aborted):
        operation.result()


def test_a_batch_has_1_to_100_tasks_of_one_queue(client: Client, queue: tasks_v2.Queue) -> None:
    one = part(queue.name, "http://127.0.0.1:9/")
    for requests in ([], [one] * 101, [one | {"parent": f"{queue.name}-other"}]):
        with pytest.raises(InvalidArgument):
            client.batch_create_tasks(parent=queue.name, requests=requests)
