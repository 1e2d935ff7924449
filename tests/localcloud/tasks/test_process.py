"""The server as a process: what it prints, how it ends, and that a kill at any moment loses no task."""

from __future__ import annotations

import random
import re
import threading
import time
from pathlib import Path

import pytest
from google.api_core.exceptions import AlreadyExists, FailedPrecondition
from google.cloud import tasks_v2

from tests.localcloud.http_receiver import Answer, Received, Receiver
from tests.localcloud.server_process import ServerProcess
from tests.localcloud.tasks.conftest import tasks_client

LOCATION = "projects/tok/locations/europe-west1"
QUEUE = f"{LOCATION}/queues/sync"


def test_it_prints_one_line_and_ends_cleanly(tmp_path: Path) -> None:
    for end in (ServerProcess.terminate, ServerProcess.interrupt):
        server = ServerProcess("localcloud.tasks", tmp_path)
        assert re.fullmatch(r"listening on 127\.0\.0\.1:[0-9]+\n", server.first_line)
        assert end(server) == 0
        assert server.rest_of_output() == ""


def test_an_identity_server_elsewhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="exit status 2"):
        ServerProcess("localcloud.tasks", tmp_path, "--identity", "http://127.0.0.1:80@example.com")


def test_oidc_without_an_identity_server_is_refused(tmp_path: Path) -> None:
    server = ServerProcess("localcloud.tasks", tmp_path)
    client = tasks_client(server.address)
    client.create_queue(parent=LOCATION, queue={"name": QUEUE})
    request = {"url": "http://127.0.0.1:9/", "oidc_token": {"service_account_email": "a@b.example"}}
    with pytest.raises(FailedPrecondition, match="--identity"):
        client.create_task(parent=QUEUE, task={"http_request": request})
    server.terminate()


def test_an_attempt_in_flight_at_a_kill_is_made_again(tmp_path: Path, receiver: Receiver) -> None:
    arrived, held = threading.Event(), threading.Event()

    def answer(request: Received) -> Answer:
        if request.headers["x-cloudtasks-taskretrycount"] == "0":
            arrived.set()
            held.wait(30)
        return Answer()

    receiver.answer = answer
    server = ServerProcess("localcloud.tasks", tmp_path)
    client = tasks_client(server.address)
    # Even the one attempt that max_attempts allows: nobody knows how it ended.
    client.create_queue(parent=LOCATION, queue={"name": QUEUE, "retry_config": {"max_attempts": 1}})
    task = {"name": f"{QUEUE}/tasks/a", "http_request": {"url": f"{receiver.url}/a"}}
    client.create_task(parent=QUEUE, task=task)
    assert arrived.wait(30)
    server.kill()
    held.set()
    server = ServerProcess("localcloud.tasks", tmp_path)
    requests = receiver.wait_for(2, path="/a")
    assert requests[1].headers["x-cloudtasks-taskretrycount"] == "1"
    with pytest.raises(AlreadyExists):
        tasks_client(server.address).create_task(parent=QUEUE, task=task)
    server.terminate()


def test_kills_lose_no_task_that_was_acknowledged(tmp_path: Path, receiver: Receiver) -> None:
    """Tasks are created and delivered while the server is killed again and again."""
    chance = random.Random(20261124)
    receiver.answer = lambda _request: Answer(503 if chance.random() < 0.1 else 200)
    server = ServerProcess("localcloud.tasks", tmp_path)
    client = tasks_client(server.address)
    client.create_queue(parent=LOCATION, queue={"name": QUEUE, "retry_config": {"max_attempts": -1}})
    acknowledged: list[str] = []

    def create(client: tasks_v2.CloudTasksClient, prefix: str) -> None:
        for number in range(1000):
            name = f"{prefix}-{number}"
            task = {"name": f"{QUEUE}/tasks/{name}", "http_request": {"url": f"{receiver.url}/all"}}
            try:
                client.create_task(parent=QUEUE, task=task, retry=None, timeout=5)
            except Exception:
                return  # killed in the middle of this one: it may or may not be there
            acknowledged.append(name)

    for round_ in range(4):
        creator = threading.Thread(target=create, args=(client, f"r{round_}"))
        enough = len(acknowledged) + chance.randint(5, 60)
        creator.start()
        while len(acknowledged) < enough and creator.is_alive():
            time.sleep(0.001)
        server.kill()
        creator.join()
        server = ServerProcess("localcloud.tasks", tmp_path)
        client = tasks_client(server.address)
    assert len(acknowledged) >= 20
    deadline = time.monotonic() + 60
    delivered: set[str] = set()
    while not delivered.issuperset(acknowledged) and time.monotonic() < deadline:
        time.sleep(0.1)
        delivered = {request.headers["x-cloudtasks-taskname"] for request in receiver.received("/all")}
    assert set(acknowledged) - delivered == set()
    server.terminate()
