"""A sandbox bank with a Firestore of its own and a clock that tests move."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from google.cloud import firestore
from test_utils.system import EmulatorCreds, unique_resource_id

from localcloud.firestore.background import serve_in_background
from localcloud.firestore.engine import Engine
from localcloud.firestore.storage import Storage
from tests.functions.sandbox_bank.tpp import BASE_URL, REDIRECT_URI, Tpp
from xs2a_bank.app import create_app
from xs2a_bank.firestore_store import FirestoreStore
from xs2a_bank.settings import BankSettings, Client

NOON = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)


class MovableClock:
    def __init__(self, now: datetime = NOON) -> None:
        self.current = now

    def now(self, client_id: str | None) -> datetime:
        return self.current

    def move(self, **by: float) -> None:
        self.current += timedelta(**by)


@pytest.fixture(scope="session")
def firestore_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    storage = Storage(tmp_path_factory.mktemp("sandbox-bank"))
    with serve_in_background(Engine(sink=storage.save)) as address:
        yield address
    storage.close()


@pytest.fixture
def database(firestore_address: str) -> firestore.Client:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "FIRESTORE_EMULATOR_HOST", firestore_address)
        return firestore.Client(
            project=f"bank{unique_resource_id('-')}", credentials=EmulatorCreds(), database="sandbox-bank"
        )


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def settings() -> BankSettings:
    clients = (
        Client(id="tok", secret="tok-secret", redirect_uris=(REDIRECT_URI,), name="Tok <b>&"),
        Client(id="other", secret="other-secret", redirect_uris=(REDIRECT_URI,), name="Other"),
    )
    return BankSettings(
        url=BASE_URL,
        project="unused",
        database="sandbox-bank",
        clients={client.id: client for client in clients},
        slow_seconds=0.2,
    )


@pytest.fixture
def app(settings: BankSettings, database: firestore.Client, clock: MovableClock) -> Flask:
    return create_app(settings, FirestoreStore(database), clock)


@pytest.fixture
def tpp(app: Flask) -> Tpp:
    return Tpp(app)


@pytest.fixture
def other_tpp(app: Flask) -> Tpp:
    return Tpp(app, client_id="other", secret="other-secret")
