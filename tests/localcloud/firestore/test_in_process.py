from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.api_core.exceptions import (
    AlreadyExists,
    DeadlineExceeded,
    FailedPrecondition,
    MethodNotImplemented,
)
from google.cloud.firestore import Client
from google.cloud.firestore_v1.base_query import FieldFilter

from localcloud.firestore.engine import Engine
from localcloud.firestore.in_process import InProcessChannel, RpcFailure, in_process_client

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def client_of(engine: Engine, **options: Any) -> Client:
    return in_process_client(InProcessChannel(engine, **options), project="tok", database="sandbox")


@pytest.fixture
def client() -> Client:
    return client_of(Engine(clock=lambda: int(NOON.timestamp()) * 1_000_000_000))


def test_documents_queries_and_batches_work_as_over_the_network(client: Client) -> None:
    batch = client.batch()
    for number in range(5):
        batch.create(client.document(f"things/{number}"), {"number": number, "bytes": b"\0\1"})
    batch.commit()
    found = (
        client.collection("things").where(filter=FieldFilter("number", ">=", 3)).order_by("number").stream()
    )
    assert [snapshot.get("number") for snapshot in found] == [3, 4]
    assert client.document("things/1").get().to_dict() == {"number": 1, "bytes": b"\0\1"}
    assert not client.document("things/none").get().exists
    assert list(client.collection("nothing").stream()) == []


def test_time_is_the_engines(client: Client) -> None:
    client.document("things/1").set({"number": 1})
    assert client.document("things/1").get().update_time == NOON


def test_refusals_are_the_librarys_own_exceptions(client: Client) -> None:
    reference = client.document("things/1")
    reference.create({"number": 1})
    stale = client.write_option(last_update_time=reference.get().update_time)
    with pytest.raises(AlreadyExists):
        reference.create({"number": 2})
    reference.update({"number": 3}, option=stale)
    with pytest.raises(FailedPrecondition):
        reference.update({"number": 4}, option=stale)


def test_a_transaction_reads_and_writes(client: Client) -> None:
    from google.cloud.firestore import transactional

    reference = client.document("things/1")
    reference.set({"number": 1})

    @transactional
    def raise_by_one(transaction: Any) -> None:
        number = reference.get(transaction=transaction).get("number")
        transaction.update(reference, {"number": number + 1})

    raise_by_one(client.transaction())
    assert reference.get().get("number") == 2


def test_what_is_not_served_is_refused_by_name(client: Client) -> None:
    channel = InProcessChannel(Engine())
    with pytest.raises(RpcFailure, match="Listen is not served"):
        channel.stream_stream("/google.firestore.v1.Firestore/Listen")(iter(()))
    with pytest.raises(MethodNotImplemented):
        client._firestore_api.execute_pipeline(request={"database": client._database_string})


def test_a_call_may_be_lost_after_its_effect() -> None:
    def lose_commits(name: str, _request: Any, run: Callable[[], Any]) -> Any:
        answer = run()
        if name == "Commit":
            raise RpcFailure(grpc.StatusCode.DEADLINE_EXCEEDED, "lost")
        return answer

    client = client_of(Engine(), around=lose_commits)
    with pytest.raises(DeadlineExceeded):
        client.document("things/1").set({"number": 1})
    assert client.document("things/1").get().exists


def test_the_client_library_retries_what_it_retries() -> None:
    names: list[str] = []

    def fail_once(name: str, _request: Any, run: Callable[[], Any]) -> Any:
        names.append(name)
        if len(names) == 1:
            raise RpcFailure(grpc.StatusCode.UNAVAILABLE, "try again")
        return run()

    client = client_of(Engine(), around=fail_once)
    client.document("things/1").set({"number": 1})
    assert names == ["Commit", "Commit"]
