"""A local Firestore on a free port, shared by the tests of one worker; each test has a project of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from google.cloud.firestore import Client
from test_utils.system import unique_resource_id

from localcloud.firestore.background import serve_in_background
from localcloud.firestore.engine import Engine
from localcloud.firestore.storage import Storage
from tests.localcloud.firestore.raw_client import RawClient
from tests.localcloud.firestore.serving import connect
from tests.localcloud.google_emulator import EmulatorMissing, running_emulator

_numbers = itertools.count()


@pytest.fixture(scope="session")
def firestore_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of a running server with its files."""
    storage = Storage(tmp_path_factory.mktemp("firestore"))
    with serve_in_background(Engine(sink=storage.save)) as address:
        yield address
    storage.close()


@pytest.fixture
def project() -> str:
    """A project id that no other test uses."""
    return f"tok{unique_resource_id('-')}-{next(_numbers)}"


@pytest.fixture
def client(firestore_address: str, project: str) -> Client:
    return connect(Client, firestore_address, project=project)


@pytest.fixture(scope="session")
def raw(firestore_address: str) -> Iterator[RawClient]:
    client = RawClient(firestore_address)
    yield client
    client.close()


@pytest.fixture(scope="session")
def google() -> Iterator[RawClient]:
    """Google's own emulator; skips, loudly, where there is none."""
    try:
        with running_emulator() as address:
            client = RawClient(address)
            yield client
            client.close()
    except EmulatorMissing as missing:
        pytest.skip(f"NOT COMPARED WITH GOOGLE'S EMULATOR: {missing}")
