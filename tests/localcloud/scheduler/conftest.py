from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.cloud import scheduler_v1
from google.cloud.scheduler_v1.services.cloud_scheduler.transports import CloudSchedulerGrpcTransport
from test_utils.system import unique_resource_id

from localcloud.clock import set_clock_offset
from tests.localcloud.http_receiver import Receiver
from tests.localcloud.server_process import ServerProcess

Client = scheduler_v1.CloudSchedulerClient
MakeJob = Callable[..., scheduler_v1.Job]

# Once an hour, half an hour from now: no tick comes due by itself while the tests run.
MINUTE = (datetime.now(UTC).minute + 30) % 60
HOURLY = f"{MINUTE} * * * *"
FAST_RETRIES = {"min_backoff_duration": timedelta(milliseconds=10)}


def scheduler_client(address: str) -> Client:
    return Client(transport=CloudSchedulerGrpcTransport(channel=grpc.insecure_channel(address)))


def move_clock_to(moment: datetime, *, data: Path) -> None:
    set_clock_offset(data / "clock.json", offset_seconds=moment.timestamp() - time.time())


@pytest.fixture(scope="session")
def identity_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = ServerProcess("localcloud.identity", tmp_path_factory.mktemp("identity"))
    yield f"http://{server.address}"
    server.terminate()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scheduler")


@pytest.fixture(scope="module")
def client(data: Path, identity_url: str) -> Iterator[Client]:
    server = ServerProcess("localcloud.scheduler", data, "--identity", identity_url)
    yield scheduler_client(server.address)
    assert server.terminate() == 0


@pytest.fixture
def parent() -> str:
    return f"projects/tok{unique_resource_id('-')}/locations/europe-west1"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def make_job(client: Client, parent: str, receiver: Receiver) -> Iterator[MakeJob]:
    """Makes jobs that are due once an hour unless told otherwise, and deletes them afterwards."""
    made: list[str] = []

    def make(**settings: Any) -> scheduler_v1.Job:
        target = {"uri": f"{receiver.url}/tick"} | settings.pop("http_target", {})
        asked = {
            "name": f"{parent}/jobs/tick{len(made)}",
            "schedule": HOURLY,
            "http_target": target,
        } | settings
        job = client.create_job(parent=parent, job=asked)
        made.append(job.name)
        return job

    yield make
    for name in made:
        client.delete_job(name=name)


@pytest.fixture
def move_to(data: Path) -> Iterator[Callable[[datetime], None]]:
    yield lambda moment: move_clock_to(moment, data=data)
    set_clock_offset(data / "clock.json", offset_seconds=0)
