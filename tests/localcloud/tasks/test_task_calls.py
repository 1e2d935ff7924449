from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from google.api_core.exceptions import AlreadyExists, InvalidArgument, MethodNotImplemented, NotFound
from google.cloud import tasks_v2
from test_utils.retry import RetryResult

from tests.localcloud.http_receiver import Answer, Receiver
from tests.localcloud.tasks.conftest import Client

UNREACHED = "http://127.0.0.1:9/"
HOUR_SECONDS = 3600
View = tasks_v2.Task.View


@pytest.fixture
def paused(client: Client, queue: tasks_v2.Queue) -> str:
    client.pause_queue(name=queue.name)
    return queue.name


def test_a_task_is_kept_as_asked_with_defaults(client: Client, paused: str) -> None:
    before = datetime.now(UTC)
    task = client.create_task(
        {
            "parent": paused,
            "task": {"http_request": {"url": UNREACHED, "body": b"body", "headers": {"X-A": "b"}}},
            "response_view": View.FULL,
        }
    )
    assert task.name.startswith(f"{paused}/tasks/")
    assert task.http_request.http_method == tasks_v2.HttpMethod.POST
    assert (task.http_request.body, dict(task.http_request.headers)) == (b"body", {"X-A": "b"})
    assert task.dispatch_deadline == timedelta(minutes=10)
    assert before <= task.schedule_time <= datetime.now(UTC)
    assert task.view == View.FULL
    assert client.get_task({"name": task.name, "response_view": View.FULL}) == task


def test_the_basic_view_leaves_out_the_body(client: Client, paused: str) -> None:
    asked = {"http_request": {"url": UNREACHED, "body": b"body"}}
    task = client.create_task(parent=paused, task=asked)
    assert (task.view, task.http_request.body) == (View.BASIC, b"")
    assert client.get_task(name=task.name).http_request.body == b""
    assert [found.http_request.body for found in client.list_tasks(parent=paused)] == [b""]
    full = client.list_tasks({"parent": paused, "response_view": View.FULL})
    assert [found.http_request.body for found in full] == [b"body"]


def test_tasks_are_listed_in_pages(client: Client, paused: str) -> None:
    for name in ("a", "b", "c"):
        task = {"name": f"{paused}/tasks/{name}", "http_request": {"url": UNREACHED}}
        client.create_task(parent=paused, task=task)
    pages = list(client.list_tasks({"parent": paused, "page_size": 2}).pages)
    assert [[task.name[-1] for task in page.tasks] for page in pages] == [["a", "b"], ["c"]]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"url": "http://example.com/"}, "loopback"),
        ({"url": "http://10.0.0.1/"}, "loopback"),
        ({"url": "http://127.0.0.1@example.com/"}, "loopback"),
        ({"url": "http://127.0.0.1.example.com/"}, "loopback"),
        ({"url": "http://metadata.google.internal/"}, "loopback"),
        ({"url": "ftp://127.0.0.1/"}, "http://"),
        ({"url": ""}, "http://"),
        ({"url": f"http://127.0.0.1/{'a' * 2083}"}, "2083"),
        ({"url": UNREACHED, "http_method": "GET", "body": b"x"}, "POST, PUT, or PATCH"),
        ({"url": UNREACHED, "headers": {"X-A": "b\r\nX-C: d"}}, "header"),
        ({"url": UNREACHED, "headers": {"X-A": "b" * 81 * 1024}}, "80KB"),
        ({"url": UNREACHED, "oidc_token": {"audience": "a"}}, "service_account_email"),
    ],
)
def test_what_cannot_be_called_is_refused(
    client: Client, paused: str, request_: dict[str, object], words: str
) -> None:
    with pytest.raises(InvalidArgument, match=words):
        client.create_task(parent=paused, task={"http_request": request_})


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ({"dispatch_deadline": timedelta(seconds=14)}, "dispatch_deadline"),
        ({"dispatch_deadline": timedelta(minutes=31)}, "dispatch_deadline"),
        ({"schedule_time": datetime.now(UTC) + timedelta(days=31)}, "30 days"),
        ({"name": "projects/p/locations/l/queues/q/tasks/a"}, "parent"),
        ({"name": "a"}, "TASK_ID"),
        ({"retry_config": {"max_attempts": -2}}, "max_attempts"),
    ],
)
def test_tasks_out_of_bounds_are_refused(
    client: Client, paused: str, task: dict[str, object], words: str
) -> None:
    with pytest.raises(InvalidArgument, match=words):
        client.create_task(parent=paused, task={"http_request": {"url": UNREACHED}, **task})


def test_a_task_may_have_a_megabyte(client: Client, paused: str) -> None:
    body = b"x" * (1024 * 1024 - 1024)
    client.create_task(parent=paused, task={"http_request": {"url": UNREACHED, "body": body}})
    with pytest.raises(InvalidArgument, match="size"):
        client.create_task(
            parent=paused, task={"http_request": {"url": UNREACHED, "body": body + b"x" * 1024}}
        )


def test_app_engine_tasks_are_not_served(client: Client, paused: str) -> None:
    with pytest.raises(MethodNotImplemented):
        client.create_task(parent=paused, task={"app_engine_http_request": {"relative_uri": "/"}})


def test_a_name_is_taken_while_its_task_lives_and_for_a_day_after(
    client: Client, queue: tasks_v2.Queue, receiver: Receiver, move_clock: Callable[[float], None]
) -> None:
    task = {"name": f"{queue.name}/tasks/con_1-2026-11-24", "http_request": {"url": f"{receiver.url}/a"}}
    client.pause_queue(name=queue.name)
    client.create_task(parent=queue.name, task=task)
    with pytest.raises(AlreadyExists):
        client.create_task(parent=queue.name, task=task)
    client.resume_queue(name=queue.name)
    receiver.wait_for(1, path="/a")
    with pytest.raises(AlreadyExists):
        client.create_task(parent=queue.name, task=task)
    move_clock(23 * HOUR_SECONDS)
    with pytest.raises(AlreadyExists):
        client.create_task(parent=queue.name, task=task)
    move_clock(25 * HOUR_SECONDS)
    client.create_task(parent=queue.name, task=task)
    receiver.wait_for(2, path="/a")


def test_a_deleted_tasks_name_stays_taken(client: Client, paused: str) -> None:
    task = {"name": f"{paused}/tasks/a", "http_request": {"url": UNREACHED}}
    client.create_task(parent=paused, task=task)
    client.delete_task(name=task["name"])
    with pytest.raises(NotFound):
        client.get_task(name=task["name"])
    with pytest.raises(NotFound):
        client.delete_task(name=task["name"])
    with pytest.raises(AlreadyExists):
        client.create_task(parent=paused, task=task)


def test_running_a_task_ignores_the_pause_and_the_schedule(
    client: Client, paused: str, receiver: Receiver
) -> None:
    later = datetime.now(UTC) + timedelta(days=1)
    asked = {"http_request": {"url": f"{receiver.url}/now"}, "schedule_time": later}
    task = client.create_task(parent=paused, task=asked)
    assert client.run_task(name=task.name).dispatch_count == 1
    receiver.wait_for(1, path="/now")


def test_a_scheduled_task_waits_for_its_time(
    client: Client, queue: tasks_v2.Queue, receiver: Receiver, move_clock: Callable[[float], None]
) -> None:
    later = datetime.now(UTC) + timedelta(hours=2)
    later_task = {"http_request": {"url": f"{receiver.url}/later"}, "schedule_time": later}
    client.create_task(parent=queue.name, task=later_task)
    client.create_task(parent=queue.name, task={"http_request": {"url": f"{receiver.url}/sooner"}})
    receiver.wait_for(1, path="/sooner")
    assert receiver.received("/later") == []
    move_clock(2 * HOUR_SECONDS)
    (request,) = receiver.wait_for(1, path="/later")
    assert request.headers["x-cloudtasks-tasketa"] == f"{later.timestamp():.6f}"


def test_a_failed_task_shows_its_last_attempt(
    client: Client, queue: tasks_v2.Queue, receiver: Receiver
) -> None:
    receiver.answer = lambda _request: Answer(404)
    slow = {"min_backoff": timedelta(hours=1), "max_backoff": timedelta(hours=1)}
    asked = {"http_request": {"url": f"{receiver.url}/a"}, "retry_config": slow}
    task = client.create_task(parent=queue.name, task=asked)
    receiver.wait_for(1, path="/a")
    answered = RetryResult(lambda task: task.response_count, max_tries=300, delay=0.1, backoff=1)
    shown = answered(client.get_task)(name=task.name)
    assert (shown.dispatch_count, shown.response_count) == (1, 1)
    assert shown.last_attempt.response_status.code == 5
    assert "404" in shown.last_attempt.response_status.message
    assert shown.first_attempt.dispatch_time == shown.last_attempt.dispatch_time
    wait = shown.schedule_time - shown.last_attempt.response_time
    assert timedelta(minutes=59) < wait < timedelta(minutes=61)
