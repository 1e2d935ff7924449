from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.cloud import tasks_v2
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport
from test_utils.system import unique_resource_id

from localcloud.clock import set_clock_offset
from tests.localcloud.http_receiver import Receiver
from tests.localcloud.server_process import ServerProcess

Client = tasks_v2.CloudTasksClient
MakeQueue = Callable[..., tasks_v2.Queue]

FAST_RETRIES = {"min_backoff": timedelta(milliseconds=10), "max_backoff": timedelta(milliseconds=50)}


def tasks_client(address: str) -> Client:
    return Client(transport=CloudTasksGrpcTransport(channel=grpc.insecure_channel(address)))


@pytest.fixture(scope="session")
def identity_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = ServerProcess("localcloud.identity", tmp_path_factory.mktemp("identity"))
    yield f"http://{server.address}"
    server.terminate()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tasks")


@pytest.fixture(scope="module")
def client(data: Path, identity_url: str) -> Iterator[Client]:
    server = ServerProcess("localcloud.tasks", data, "--identity", identity_url)
    yield tasks_client(server.address)
    assert server.terminate() == 0


@pytest.fixture(scope="module")
def location() -> str:
    return f"projects/tok{unique_resource_id('-')}/locations/europe-west1"


@pytest.fixture
def make_queue(client: Client, location: str) -> MakeQueue:
    def make(**settings: Any) -> tasks_v2.Queue:
        name = f"{location}/queues/sync{unique_resource_id('-')}"
        return client.create_queue(parent=location, queue={"name": name, **settings})

    return make


@pytest.fixture
def queue(make_queue: MakeQueue) -> tasks_v2.Queue:
    return make_queue(retry_config=FAST_RETRIES)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def move_clock(data: Path) -> Iterator[Callable[[float], None]]:
    """Makes it later, by so many seconds, until the test ends."""
    yield lambda seconds: set_clock_offset(data / "clock.json", offset_seconds=seconds)
    set_clock_offset(data / "clock.json", offset_seconds=0)
