from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from google.api_core.exceptions import NotFound
from google.cloud import tasks_v2
from test_utils.retry import RetryResult

from localcloud.identity.verify import RequireInvoker
from tests.localcloud.http_receiver import Answer, Received, Receiver
from tests.localcloud.tasks.conftest import FAST_RETRIES, Client, MakeQueue

EMAIL = "tasks@tok.iam.gserviceaccount.com"


def wait_until_gone(client: Client, name: str) -> None:
    def is_gone(name: str) -> bool:
        try:
            client.get_task(name=name)
        except NotFound:
            return True
        return False

    RetryResult(bool, max_tries=300, delay=0.1, backoff=1)(is_gone)(name)


def test_the_request_is_what_was_asked_for(client: Client, queue: tasks_v2.Queue, receiver: Receiver) -> None:
    asked = {
        "url": f"{receiver.url}/sync?consent=con_1",
        "http_method": "PUT",
        "headers": {
            "Content-Type": "application/json",
            "X-Tok": "yes",
            "User-Agent": "mine",
            "Host": "elsewhere",
            "X-CloudTasks-TaskRetryCount": "7",
            "X-Google-Secret": "no",
        },
        "body": b'{"consent": "con_1"}',
    }
    task = {"name": f"{queue.name}/tasks/con_1", "http_request": asked}
    created = client.create_task(parent=queue.name, task=task)
    (request,) = receiver.wait_for(1, path="/sync?consent=con_1")
    assert (request.method, request.body) == ("PUT", b'{"consent": "con_1"}')
    headers = request.headers
    assert headers["content-type"] == "application/json"
    assert headers["x-tok"] == "yes"
    assert headers["user-agent"] == "Google-Cloud-Tasks"
    assert headers["host"] == receiver.url.removeprefix("http://")
    assert "x-google-secret" not in headers
    assert headers["x-cloudtasks-queuename"] == queue.name.rpartition("/")[2]
    assert headers["x-cloudtasks-taskname"] == "con_1"
    assert headers["x-cloudtasks-taskretrycount"] == "0"
    assert headers["x-cloudtasks-taskexecutioncount"] == "0"
    assert headers["x-cloudtasks-tasketa"] == f"{created.schedule_time.timestamp():.6f}"
    assert "x-cloudtasks-taskpreviousresponse" not in headers
    assert "x-cloudtasks-taskretryreason" not in headers
    wait_until_gone(client, created.name)


def test_retries_are_counted_and_executions_leave_5xx_out(
    client: Client, queue: tasks_v2.Queue, receiver: Receiver
) -> None:
    answers = iter([500, 404, 502, 200])
    receiver.answer = lambda _request: Answer(next(answers))
    client.create_task(parent=queue.name, task={"http_request": {"url": f"{receiver.url}/a"}})
    requests = receiver.wait_for(4, path="/a")
    told = [
        (
            request.headers["x-cloudtasks-taskretrycount"],
            request.headers["x-cloudtasks-taskexecutioncount"],
            request.headers.get("x-cloudtasks-taskpreviousresponse"),
        )
        for request in requests
    ]
    assert told == [("0", "0", None), ("1", "0", "500"), ("2", "1", "404"), ("3", "1", "502")]
    assert "404" in requests[2].headers["x-cloudtasks-taskretryreason"]


@pytest.mark.parametrize("status", [200, 204, 299])
def test_any_2xx_is_success(client: Client, queue: tasks_v2.Queue, receiver: Receiver, status: int) -> None:
    receiver.answer = lambda _request: Answer(status)
    task = client.create_task(parent=queue.name, task={"http_request": {"url": f"{receiver.url}/a"}})
    wait_until_gone(client, task.name)
    assert len(receiver.received("/a")) == 1


def test_a_redirect_is_a_failure_and_is_not_followed(
    client: Client, queue: tasks_v2.Queue, receiver: Receiver
) -> None:
    def answer(request: Received) -> Answer:
        moved = request.headers["x-cloudtasks-taskretrycount"] == "0"
        return Answer(307, {"Location": f"{receiver.url}/b"}) if moved else Answer()

    receiver.answer = answer
    client.create_task(parent=queue.name, task={"http_request": {"url": f"{receiver.url}/a"}})
    receiver.wait_for(2, path="/a")
    assert receiver.received("/b") == []


def test_a_task_is_given_up_after_its_attempts(
    client: Client, make_queue: MakeQueue, receiver: Receiver
) -> None:
    queue = make_queue(retry_config={"max_attempts": 3, **FAST_RETRIES})
    receiver.answer = lambda _request: Answer(400)
    task = client.create_task(parent=queue.name, task={"http_request": {"url": f"{receiver.url}/a"}})
    wait_until_gone(client, task.name)
    assert len(receiver.received("/a")) == 3


def test_with_two_limits_both_must_be_reached(
    client: Client, make_queue: MakeQueue, receiver: Receiver
) -> None:
    queue = make_queue(
        retry_config={"max_attempts": 2, "max_retry_duration": timedelta(seconds=1), **FAST_RETRIES}
    )
    receiver.answer = lambda _request: Answer(400)
    task = client.create_task(parent=queue.name, task={"http_request": {"url": f"{receiver.url}/a"}})
    wait_until_gone(client, task.name)
    assert len(receiver.received("/a")) > 2


def test_a_tasks_own_retry_config_overrides_the_queues(
    client: Client, queue: tasks_v2.Queue, receiver: Receiver
) -> None:
    receiver.answer = lambda _request: Answer(400)
    asked = {"http_request": {"url": f"{receiver.url}/a"}, "retry_config": {"max_attempts": 2}}
    task = client.create_task(parent=queue.name, task=asked)
    wait_until_gone(client, task.name)
    assert len(receiver.received("/a")) == 2


def test_a_target_out_of_reach_is_tried_again(
    client: Client, queue: tasks_v2.Queue, receiver: Receiver
) -> None:
    closed = Receiver()
    closed.close()
    task = client.create_task(parent=queue.name, task={"http_request": {"url": f"{closed.url}/a"}})
    shown = RetryResult(lambda task: task.dispatch_count >= 3, max_tries=300, delay=0.1, backoff=1)(
        client.get_task
    )(name=task.name)
    assert shown.response_count == 0
    assert shown.last_attempt.response_status.code in (0, 14)


def test_retry_after_is_heeded(client: Client, queue: tasks_v2.Queue, receiver: Receiver) -> None:
    receiver.answer = lambda _request: Answer(429, {"Retry-After": "3600"})
    task = client.create_task(parent=queue.name, task={"http_request": {"url": f"{receiver.url}/a"}})
    shown = RetryResult(lambda task: task.response_count, max_tries=300, delay=0.1, backoff=1)(
        client.get_task
    )(name=task.name)
    wait = shown.schedule_time - shown.last_attempt.response_time
    assert timedelta(minutes=59) < wait < timedelta(minutes=61)


def test_no_more_run_at_once_than_the_queue_allows(
    client: Client, make_queue: MakeQueue, receiver: Receiver
) -> None:
    queue = make_queue(rate_limits={"max_concurrent_dispatches": 2})
    lock, running, most = threading.Lock(), 0, 0

    def answer(_request: Received) -> Answer:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.05)
        with lock:
            running -= 1
        return Answer()

    receiver.answer = answer
    client.pause_queue(name=queue.name)
    for _ in range(12):
        client.create_task(parent=queue.name, task={"http_request": {"url": f"{receiver.url}/a"}})
    client.resume_queue(name=queue.name)
    receiver.wait_for(12, path="/a")
    assert most == 2


def test_the_rate_holds_once_the_burst_is_spent(
    client: Client, make_queue: MakeQueue, receiver: Receiver
) -> None:
    queue = make_queue(rate_limits={"max_dispatches_per_second": 4})
    assert queue.rate_limits.max_burst_size == 10
    arrivals: list[float] = []

    def answer(_request: Received) -> Answer:
        arrivals.append(time.monotonic())
        return Answer()

    receiver.answer = answer
    client.pause_queue(name=queue.name)
    for _ in range(16):
        client.create_task(parent=queue.name, task={"http_request": {"url": f"{receiver.url}/a"}})
    resumed = time.monotonic()
    client.resume_queue(name=queue.name)
    receiver.wait_for(16, path="/a")
    # Six beyond the burst at four a second; a slow machine only ever makes it longer.
    assert max(arrivals) - resumed >= 1.4


@pytest.fixture
def private_service(identity_url: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A WSGI service behind the middleware that lets one identity in; and the calls that got through."""
    served: list[dict[str, Any]] = []

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        served.append(environ)
        start_response("200 OK", [])
        return [b""]

    class Quiet(WSGIRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    server: WSGIServer = make_server("127.0.0.1", 0, application, handler_class=Quiet)
    url = f"http://127.0.0.1:{server.server_port}"
    server.set_app(
        RequireInvoker(
            application,
            issuer=identity_url,
            jwks_url=f"{identity_url}/oauth2/v3/certs",
            audience=url,
            allowed_emails=[EMAIL],
        )
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield url, served
    server.shutdown()
    server.server_close()
    thread.join()


def test_oidc_tokens_open_a_private_service(
    client: Client, queue: tasks_v2.Queue, private_service: tuple[str, list[dict[str, Any]]]
) -> None:
    url, served = private_service
    oidc = {"service_account_email": EMAIL, "audience": url}
    task = client.create_task(
        parent=queue.name, task={"http_request": {"url": f"{url}/sync", "oidc_token": oidc}}
    )
    wait_until_gone(client, task.name)
    assert [environ["PATH_INFO"] for environ in served] == ["/sync"]


@pytest.mark.parametrize(
    ("oidc", "code"),
    [
        (None, 16),
        ({"service_account_email": "stranger@tok.iam.gserviceaccount.com"}, 7),
        ({"service_account_email": EMAIL, "audience": "https://another-service"}, 16),
    ],
)
def test_without_the_right_token_a_private_service_stays_shut(
    client: Client,
    queue: tasks_v2.Queue,
    private_service: tuple[str, list[dict[str, Any]]],
    oidc: dict[str, str] | None,
    code: int,
) -> None:
    url, served = private_service
    request = {"url": f"{url}/sync"}
    if oidc:
        request["oidc_token"] = {"audience": url} | oidc
    slow = {"min_backoff": timedelta(hours=1), "max_backoff": timedelta(hours=1)}
    task = client.create_task(parent=queue.name, task={"http_request": request, "retry_config": slow})
    shown = RetryResult(lambda task: task.response_count, max_tries=300, delay=0.1, backoff=1)(
        client.get_task
    )(name=task.name)
    assert shown.last_attempt.response_status.code == code
    assert served == []
