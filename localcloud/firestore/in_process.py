"""The engine without sockets: a gRPC channel that answers in the caller's own thread, and an unmodified client on it.

For simulations: nothing happens that the caller did not ask for, and no time passes but the engine's own clock.
"""

# The signatures are grpc's.
# ruff: noqa: ARG002, FBT001, FBT002

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, NoReturn, TypeVar

import grpc
from google.auth.credentials import AnonymousCredentials
from google.cloud.firestore import Client
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports.grpc import FirestoreGrpcTransport

from localcloud.firestore.calls import STREAM_CALLS, UNARY_CALLS
from localcloud.firestore.engine import Engine
from localcloud.firestore.errors import FirestoreError, MustWait
from localcloud.firestore.messages import Message

_SERVICE = "/google.firestore.v1.Firestore/"

Result = TypeVar("Result")
Around = Callable[[str, Message, Callable[[], Any]], Any]
"""Makes the call: its name, its request, and what does it. May do it late, never, or twice, and raise `RpcFailure`."""


def at_once(_name: str, _request: Message, run: Callable[[], Any]) -> Any:
    """No network between client and engine."""
    return run()


class RpcFailure(grpc.RpcError, grpc.Call, grpc.Future):  # type: ignore[type-arg]
    """A call that ended with another status than OK, as the client library meets it; also the future of its answer."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(f"{code.name}: {details}")
        self._code = code
        self._details = details

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details

    def initial_metadata(self) -> tuple[()]:
        return ()

    def trailing_metadata(self) -> tuple[()]:
        return ()

    def is_active(self) -> bool:
        return False

    def time_remaining(self) -> float:
        return 0.0

    def cancel(self) -> bool:
        return False

    def add_callback(self, _callback: Callable[[], None]) -> bool:
        return False

    def result(self, timeout: float | None = None) -> NoReturn:
        raise self

    def exception(self, timeout: float | None = None) -> RpcFailure:
        return self

    def traceback(self, timeout: float | None = None) -> TracebackType | None:
        return self.__traceback__

    def cancelled(self) -> bool:
        return False

    def running(self) -> bool:
        return False

    def done(self) -> bool:
        return True

    def add_done_callback(self, fn: Callable[[Any], None]) -> None:
        fn(self)


class InProcessChannel(grpc.Channel):
    """Serves Firestore's calls from `engine`; every call goes through `around`.

    A call that would wait for another's transaction is refused with ABORTED: there is nobody to wait with.
    """

    def __init__(self, engine: Engine, *, around: Around = at_once) -> None:
        self._engine = engine
        self._around = around

    def unary_unary(
        self,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        _registered_method: bool | None = False,
    ) -> Any:
        name = method.removeprefix(_SERVICE)
        served = UNARY_CALLS.get(name)
        if served is None:
            return _refusal(name)
        return _Unary(self._call(name, served.request, served.run), request_serializer, response_deserializer)

    def unary_stream(
        self,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        _registered_method: bool | None = False,
    ) -> Any:
        name = method.removeprefix(_SERVICE)
        served = STREAM_CALLS.get(name)
        if served is None:
            return _refusal(name)
        return _Stream(
            self._call(name, served.request, served.run), request_serializer, response_deserializer
        )

    def stream_unary(self, *_args: Any, **_options: Any) -> Any:
        raise NotImplementedError("Firestore has no such call")

    def stream_stream(self, method: str, *_args: Any, **_options: Any) -> Any:
        return _refusal(method.removeprefix(_SERVICE))

    def subscribe(self, callback: Any, try_to_connect: bool | None = False) -> None:
        callback(grpc.ChannelConnectivity.READY)

    def unsubscribe(self, callback: Any) -> None:
        """Nothing was kept."""

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> InProcessChannel:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _call(
        self, name: str, request_kind: Any, run: Callable[[Engine, Message], Result]
    ) -> Callable[[bytes], Result]:
        def serve(request: Message) -> Result:
            try:
                return run(self._engine, request)
            except FirestoreError as error:
                raise RpcFailure(error.code, error.message) from None
            except MustWait as wait:
                raise RpcFailure(grpc.StatusCode.ABORTED, f"{wait.name} is locked.") from None

        def call(serialized: bytes) -> Result:
            request = request_kind.FromString(serialized)
            answer: Result = self._around(name, request, lambda: serve(request))
            return answer

        return call


def _refusal(name: str) -> Callable[..., Any]:
    def refuse(*_args: Any, **_options: Any) -> Any:
        raise RpcFailure(grpc.StatusCode.UNIMPLEMENTED, f"{name} is not served by the local Firestore.")

    return refuse


class _Unary:
    def __init__(self, call: Callable[[bytes], bytes], serializer: Any, deserializer: Any) -> None:
        self._call, self._serializer, self._deserializer = call, serializer, deserializer

    def __call__(self, request: Any, **_options: Any) -> Any:
        return self._deserializer(self._call(self._serializer(request)))

    def with_call(self, request: Any, **options: Any) -> tuple[Any, grpc.Call]:
        return self(request, **options), _DONE


class _Stream:
    def __init__(self, call: Callable[[bytes], Sequence[bytes]], serializer: Any, deserializer: Any) -> None:
        self._call, self._serializer, self._deserializer = call, serializer, deserializer

    def __call__(self, request: Any, **_options: Any) -> _Responses:
        return _Responses(self._call(self._serializer(request)), self._deserializer)


class _Responses:
    """The stream of one call's responses."""

    def __init__(self, serialized: Sequence[bytes], deserializer: Callable[[bytes], Any]) -> None:
        self._left: Iterator[bytes] = iter(serialized)
        self._deserializer = deserializer

    def __iter__(self) -> _Responses:
        return self

    def __next__(self) -> Any:
        return self._deserializer(next(self._left))

    def cancel(self) -> None:
        self._left = iter(())

    def add_callback(self, _callback: Callable[[], None]) -> bool:
        return False

    def initial_metadata(self) -> None:
        return None

    def trailing_metadata(self) -> None:
        return None


_DONE = RpcFailure(grpc.StatusCode.OK, "")


def in_process_client(channel: grpc.Channel, *, project: str, database: str) -> Client:
    """An unmodified google-cloud-firestore client whose calls go through `channel`."""
    client = Client(project=project, credentials=AnonymousCredentials(), database=database)  # type: ignore[no-untyped-call]
    transport = FirestoreGrpcTransport(channel=channel)
    client._firestore_api_internal = FirestoreClient(transport=transport)
    return client
