"""Idempotency-Key, on the real store: one effect, the first reply again, nothing in the clear."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import flask
import pytest
from google.cloud.firestore import Client
from werkzeug.test import EnvironBuilder

from shared.domain.errors import BankUnavailable, IdempotencyKeyReused, Invalid
from shared.gcp.idempotency_store import IdempotencyStore
from shared.http.call import Call, Caller, Reply
from shared.http.idempotency import Idempotency
from shared.http.sealing import Sealer
from tests.fakes.clock import FakeClock
from tests.localcloud.firestore.conftest import connect


def call(key: str | None, body: bytes = b'{"a": 1, "b": 2}', *, organisation: str = "org_1") -> Call:
    headers = {} if key is None else {"Idempotency-Key": key}
    builder = EnvironBuilder(
        method="POST", path="/", data=body, content_type="application/json", headers=headers
    )
    made = Call(flask.Request(builder.get_environ()), request_id="req_1", client_ip="127.0.0.1")
    made.authenticated_as(Caller(organisation_id=organisation, key_id="key_1", tier="enterprise"))
    return made


class Effects:
    """Counts, and answers with the id that it was given."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self._lock = threading.Lock()

    def __call__(self, effect_id: str) -> Reply:
        with self._lock:
            self.ids.append(effect_id)
        return Reply(
            status=201,
            body=b'{"redirectUrl":"https://bank.example/secret"}',
            headers=(("Location", effect_id),),
        )


class Ids:
    def __init__(self) -> None:
        self._count = 0

    def __call__(self) -> str:
        self._count += 1
        return f"con_{self._count}"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def data(firestore_address: str, project: str) -> Client:
    client: Client = connect(Client, firestore_address, project=project, database="sandbox")
    return client


@pytest.fixture
def run(data: Client, clock: FakeClock) -> Callable[..., Reply]:
    idempotency = Idempotency(IdempotencyStore(data), sealer=Sealer(b"s" * 32), clock=clock)
    ids = Ids()

    def run(made: Call, effect: Any) -> Reply:
        return idempotency.run(made, operation="create", new_effect_id=ids, effect=effect)

    return run


def test_without_a_key_every_call_has_its_effect(run: Callable[..., Reply]) -> None:
    effects = Effects()
    run(call(None), effects)
    run(call(None), effects)
    assert len(set(effects.ids)) == 2


def test_the_first_reply_is_given_again(run: Callable[..., Reply]) -> None:
    effects = Effects()
    first = run(call("k"), effects)
    again = run(call("k", b'{"b":2,"a":1}'), effects)
    assert len(effects.ids) == 1
    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers == (*first.headers, ("Idempotent-Replayed", "true"))


def test_another_body_is_refused(run: Callable[..., Reply]) -> None:
    effects = Effects()
    run(call("k"), effects)
    with pytest.raises(IdempotencyKeyReused):
        run(call("k", b'{"a": 2}'), effects)
    assert len(effects.ids) == 1


def test_another_organisations_key_is_another_key(run: Callable[..., Reply]) -> None:
    effects = Effects()
    run(call("k"), effects)
    run(call("k", organisation="org_2"), effects)
    assert len(effects.ids) == 2


def test_eight_at_once_have_one_effect(run: Callable[..., Reply]) -> None:
    effects = Effects()
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: run(call("k"), effects), range(8)))
    assert len(effects.ids) == 1
    assert len({(reply.status, reply.body) for reply in replies}) == 1


def test_an_effect_that_failed_may_be_tried_again(run: Callable[..., Reply]) -> None:
    def failing(effect_id: str) -> Reply:
        raise BankUnavailable("erste-hr", "down")

    with pytest.raises(BankUnavailable):
        run(call("k"), failing)
    effects = Effects()
    assert run(call("k"), effects).status == 201
    assert len(effects.ids) == 1


def test_what_died_half_way_is_taken_over_with_the_same_id(
    run: Callable[..., Reply], data: Client, clock: FakeClock
) -> None:
    started: list[str] = []

    def dying(effect_id: str) -> Reply:
        started.append(effect_id)
        snapshot = next(iter(data.collection("organisations/org_1/idempotency").stream()))
        kept = snapshot.to_dict()
        try:
            raise KeyboardInterrupt
        finally:
            ended.append((snapshot.reference, kept))

    ended: list[Any] = []
    with pytest.raises(KeyboardInterrupt):
        run(call("k"), dying)
    reference, kept = ended[0]
    reference.set(kept)  # a process that is killed cannot tidy up after itself
    clock.move(timedelta(minutes=5))
    effects = Effects()
    run(call("k"), effects)
    assert effects.ids == started


@pytest.mark.parametrize("key", ["", " ", "a b", "č", "x" * 256])
def test_a_key_that_is_no_key_is_named(run: Callable[..., Reply], key: str) -> None:
    with pytest.raises(Invalid) as refusal:
        run(call(key), Effects())
    assert refusal.value.field == "Idempotency-Key"


def test_the_kept_reply_is_not_readable_in_the_database(run: Callable[..., Reply], data: Client) -> None:
    run(call("k"), Effects())
    (snapshot,) = data.collection("organisations/org_1/idempotency").stream()
    assert "secret" not in repr(snapshot.to_dict())
