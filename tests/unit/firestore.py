"""A local Firestore as production is: it refuses a query that firestore.indexes.json declares no index for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.firestore.background import serve_in_background
from localcloud.firestore.engine import Engine
from localcloud.firestore.indexes import DeclaredIndexes
from localcloud.firestore.storage import Storage
from tests.localcloud.firestore.conftest import project

__all__ = ["INDEXES", "firestore_address", "project"]

INDEXES = Path(__file__).parents[2] / "firestore.indexes.json"


@pytest.fixture(scope="session")
def firestore_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of a running server with its files."""
    storage = Storage(tmp_path_factory.mktemp("firestore"))
    engine = Engine(sink=storage.save, indexes=DeclaredIndexes.load(INDEXES))
    with serve_in_background(engine) as address:
        yield address
    storage.close()
