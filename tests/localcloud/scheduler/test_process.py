"""The server as a process: what it prints, how it ends, and what becomes of ticks around a kill."""

from __future__ import annotations

import re
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from google.api_core.exceptions import FailedPrecondition

from tests.localcloud.http_receiver import Answer, Received, Receiver
from tests.localcloud.scheduler.conftest import HOURLY, move_clock_to, scheduler_client
from tests.localcloud.server_process import ServerProcess

PARENT = "projects/tok/locations/europe-west1"
NAME = f"{PARENT}/jobs/tick"


def hourly(receiver: Receiver) -> dict[str, object]:
    return {"name": NAME, "schedule": HOURLY, "http_target": {"uri": f"{receiver.url}/tick"}}


def schedule_time(request: Received) -> datetime:
    return datetime.fromisoformat(request.headers["x-cloudscheduler-scheduletime"])


def test_it_prints_one_line_and_ends_cleanly(tmp_path: Path) -> None:
    for end in (ServerProcess.terminate, ServerProcess.interrupt):
        server = ServerProcess("localcloud.scheduler", tmp_path)
        assert re.fullmatch(r"listening on 127\.0\.0\.1:[0-9]+\n", server.first_line)
        assert end(server) == 0
        assert server.rest_of_output() == ""


def test_oidc_without_an_identity_server_is_refused(tmp_path: Path, receiver: Receiver) -> None:
    server = ServerProcess("localcloud.scheduler", tmp_path)
    target = {"uri": receiver.url, "oidc_token": {"service_account_email": "a@b.example"}}
    with pytest.raises(FailedPrecondition, match="--identity"):
        scheduler_client(server.address).create_job(
            parent=PARENT, job={"schedule": "* * * * *", "http_target": target}
        )
    server.terminate()


def test_ticks_missed_while_down_are_made_up_for_once(tmp_path: Path, receiver: Receiver) -> None:
    server = ServerProcess("localcloud.scheduler", tmp_path)
    job = scheduler_client(server.address).create_job(parent=PARENT, job=hourly(receiver))
    server.kill()
    move_clock_to(job.schedule_time + timedelta(hours=30, minutes=1), data=tmp_path)
    server = ServerProcess("localcloud.scheduler", tmp_path)
    (request,) = receiver.wait_for(1, path="/tick")
    assert schedule_time(request) == job.schedule_time + timedelta(hours=30)
    move_clock_to(job.schedule_time + timedelta(hours=31, minutes=1), data=tmp_path)
    _, request = receiver.wait_for(2, path="/tick")
    assert schedule_time(request) == job.schedule_time + timedelta(hours=31)
    server.terminate()


def test_an_attempt_in_flight_at_a_kill_is_made_again(tmp_path: Path, receiver: Receiver) -> None:
    arrived, held = threading.Event(), threading.Event()

    def answer(_request: Received) -> Answer:
        if not arrived.is_set():
            arrived.set()
            held.wait(30)
        return Answer()

    receiver.answer = answer
    server = ServerProcess("localcloud.scheduler", tmp_path)
    job = scheduler_client(server.address).create_job(parent=PARENT, job=hourly(receiver))
    move_clock_to(job.schedule_time + timedelta(seconds=1), data=tmp_path)
    assert arrived.wait(30)
    server.kill()
    held.set()
    server = ServerProcess("localcloud.scheduler", tmp_path)
    first, again = receiver.wait_for(2, path="/tick")
    assert schedule_time(first) == schedule_time(again) == job.schedule_time
    server.terminate()


def test_a_run_by_hand_outlives_a_kill(tmp_path: Path, receiver: Receiver) -> None:
    held = threading.Event()
    receiver.answer = lambda _request: Answer(200 if held.wait(30) else 500)
    server = ServerProcess("localcloud.scheduler", tmp_path)
    client = scheduler_client(server.address)
    client.create_job(parent=PARENT, job=hourly(receiver))
    client.run_job(name=NAME)
    server.kill()
    held.set()
    server = ServerProcess("localcloud.scheduler", tmp_path)
    receiver.wait_for(1, path="/tick")
    server.terminate()
