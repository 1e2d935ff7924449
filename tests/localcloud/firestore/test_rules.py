"""Production's limits and refusals, request by request."""

from __future__ import annotations

import grpc
import pytest
from google.api_core.exceptions import InvalidArgument
from google.cloud.firestore import Client

from localcloud.firestore.messages import Value, request_class
from tests.localcloud.firestore.raw_client import RawClient
from tests.localcloud.firestore.rule_cases import MIB, Case, cases


def _status(client: RawClient, case: Case, project: str) -> str:
    request = case.make(f"projects/{project}/databases/(default)/documents")
    try:
        client.call(case.method, request)
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.id)
def test_rule(raw: RawClient, project: str, case: Case) -> None:
    assert _status(raw, case, project) == case.status


@pytest.mark.google
@pytest.mark.parametrize("case", [case for case in cases() if not case.is_stricter], ids=lambda case: case.id)
def test_rule_is_googles(google: RawClient, project: str, case: Case) -> None:
    assert _status(google, case, project) == case.status


def test_refused_rule_writes_nothing(client: Client) -> None:
    batch = client.batch()
    batch.set(client.document("c/good"), {"n": 1})
    batch.set(client.document("c/bad"), {"__reserved__": 1})
    with pytest.raises(InvalidArgument):
        batch.commit()
    assert not client.document("c/good").get().exists


def _writes(root: str, count: int, *, size_bytes: int) -> object:
    request = request_class("Commit")(database=root.removesuffix("/documents"))
    for number in range(count):
        write = request.writes.add()
        write.update.name = f"{root}/c/d{number}"
        write.update.fields["b"].CopyFrom(Value(bytes_value=b"x" * size_bytes))
    return request


def test_request_over_10_mib_is_refused(raw: RawClient, project: str) -> None:
    root = f"projects/{project}/databases/(default)/documents"
    with pytest.raises(grpc.RpcError) as caught:
        raw.call("Commit", _writes(root, 11, size_bytes=MIB - 1000))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    raw.call("Commit", _writes(root, 9, size_bytes=MIB - 1000))


def test_a_commit_may_hold_more_than_500_writes(client: Client) -> None:
    batch = client.batch()
    for number in range(700):
        batch.set(client.document(f"c/d{number}"), {"n": number})
    assert len(batch.commit()) == 700
    assert client.collection("c").count().get()[0][0].value == 700


def test_a_commit_stays_in_its_database(raw: RawClient, project: str) -> None:
    request = _writes(f"projects/{project}/databases/live/documents", 1, size_bytes=1)
    request.database = f"projects/{project}/databases/sandbox"  # type: ignore[attr-defined]
    with pytest.raises(grpc.RpcError) as caught:
        raw.call("Commit", request)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
