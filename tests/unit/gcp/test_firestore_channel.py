"""The channel of the hot path, against a server that is out of reach for a moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from shared.gcp import clients

SERVICE = "/google.firestore.v1.Firestore"


class Failing(grpc.GenericRpcHandler):
    """Answers UNAVAILABLE to the first calls of each method, and nothing after that."""

    def __init__(self, *, failures: int) -> None:
        self.calls: Counter[str] = Counter()
        self._failures = failures

    def service(self, details: Any) -> Any:
        method = details.method.rpartition("/")[2]

        def called(context: Any) -> None:
            self.calls[method] += 1
            if self.calls[method] <= self._failures:
                context.abort(grpc.StatusCode.UNAVAILABLE, "for a moment")

        def stream(_request: bytes, context: Any) -> Iterator[bytes]:
            called(context)
            yield b""

        def unary(_request: bytes, context: Any) -> bytes:
            called(context)
            return b""

        if method == "Commit":
            return grpc.unary_unary_rpc_method_handler(unary)
        return grpc.unary_stream_rpc_method_handler(stream)


@pytest.fixture
def failing() -> Failing:
    return Failing(failures=2)


@pytest.fixture
def channel(failing: Failing, monkeypatch: pytest.MonkeyPatch) -> Iterator[grpc.Channel]:
    server = grpc.server(ThreadPoolExecutor(2), handlers=(failing,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{port}")
    with clients.firestore_channel.__wrapped__() as channel:
        yield channel
    server.stop(None)


@pytest.mark.parametrize("method", ["BatchGetDocuments", "RunQuery"])
def test_a_read_is_tried_three_times(channel: grpc.Channel, failing: Failing, method: str) -> None:
    assert list(channel.unary_stream(f"{SERVICE}/{method}")(b"", timeout=10)) == [b""]
    assert failing.calls == {method: 3}


def test_a_commit_is_tried_once_for_it_may_have_happened(channel: grpc.Channel, failing: Failing) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary(f"{SERVICE}/Commit")(b"", timeout=10)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert failing.calls == {"Commit": 1}
