"""A local Firestore as production is: it refuses a query that firestore.indexes.json declares no index for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.cloud.firestore import Client

from localcloud.firestore.background import serve_in_background
from localcloud.firestore.engine import Engine
from localcloud.firestore.indexes import DeclaredIndexes
from localcloud.firestore.storage import Storage
from shared.gcp.raw_firestore import RawFirestore
from tests.localcloud.firestore.conftest import project

__all__ = ["INDEXES", "firestore_address", "project", "raw_beside"]

INDEXES = Path(__file__).parents[2] / "firestore.indexes.json"


@pytest.fixture(scope="session")
def firestore_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of a running server with its files."""
    storage = Storage(tmp_path_factory.mktemp("firestore"))
    engine = Engine(sink=storage.save, indexes=DeclaredIndexes.load(INDEXES))
    with serve_in_background(engine) as address:
        yield address
    storage.close()


def raw_beside(client: Client) -> RawFirestore:
    """On the client's own channel and database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(
            os.environ, "FIRESTORE_EMULATOR_HOST", "the channel's"
        )  # Google's emulator asks for a token too
        return RawFirestore(
            project=client.project,
            database=client._database,
            channel=client._firestore_api.transport.grpc_channel,
        )
