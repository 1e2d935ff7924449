"""What is not served says so, by name."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.api_core.exceptions import MethodNotImplemented
from google.cloud.firestore import Client
from google.cloud.firestore_v1.base_vector_query import DistanceMeasure
from google.cloud.firestore_v1.query_profile import ExplainOptions
from google.cloud.firestore_v1.vector import Vector


@pytest.mark.parametrize("method", ["Listen", "Write", "ExecutePipeline", "FutureCall"])
def test_missing_call(firestore_address: str, method: str) -> None:
    with grpc.insecure_channel(firestore_address) as channel:
        call: Any = channel.stream_stream(f"/google.firestore.v1.Firestore/{method}")
        with pytest.raises(grpc.RpcError) as caught:
            list(call(iter([b""]), timeout=30))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert method in caught.value.details()
    assert "Commit" in caught.value.details()


def test_missing_unary_call(firestore_address: str) -> None:
    with grpc.insecure_channel(firestore_address) as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/google.firestore.admin.v1.FirestoreAdmin/CreateIndex")(b"", timeout=30)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "CreateIndex" in caught.value.details()


def test_explain(client: Client) -> None:
    with pytest.raises(MethodNotImplemented, match="explain_options"):
        list(client.collection("c").stream(explain_options=ExplainOptions(analyze=True)))


def test_vector_search(client: Client) -> None:
    query = client.collection("c").find_nearest(
        vector_field="v", query_vector=Vector([1.0]), limit=1, distance_measure=DistanceMeasure.EUCLIDEAN
    )
    with pytest.raises(MethodNotImplemented, match="find_nearest"):
        list(query.stream())


def test_reads_of_the_past(client: Client) -> None:
    read_time = client.document("c/d").set({}).update_time
    with pytest.raises(MethodNotImplemented, match="read_time"):
        client.document("c/d").get(read_time=read_time)
