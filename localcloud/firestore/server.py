"""The engine behind gRPC on loopback: one event loop, so that every call sees and leaves the engine whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

import grpc
import grpc.aio

from localcloud.firestore.calls import STREAM_CALLS, UNARY_CALLS
from localcloud.firestore.engine import Engine
from localcloud.firestore.errors import FirestoreError, MustWait
from localcloud.firestore.messages import Message
from localcloud.firestore.waiting import Turnstile

HOST = "127.0.0.1"
_SERVICE = "/google.firestore.v1.Firestore/"
# Above the limit that Commit itself refuses with production's words.
_MESSAGE_MAX_BYTES = 64 * 1_048_576
_OPTIONS = [
    ("grpc.max_receive_message_length", _MESSAGE_MAX_BYTES),
    ("grpc.max_send_message_length", _MESSAGE_MAX_BYTES),
    ("grpc.so_reuseport", 0),
]
_Result = TypeVar("_Result")


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """Finds the call by its method's name; answers UNIMPLEMENTED, naming it, for the rest."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turnstile = Turnstile(engine)
        self._handlers: dict[str, Any] = {}
        for name, unary in UNARY_CALLS.items():
            self._handlers[_SERVICE + name] = grpc.unary_unary_rpc_method_handler(
                self._unary(unary.run), request_deserializer=unary.request.FromString
            )
        for name, stream in STREAM_CALLS.items():
            self._handlers[_SERVICE + name] = grpc.unary_stream_rpc_method_handler(
                self._stream(stream.run), request_deserializer=stream.request.FromString
            )

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The handler of the method."""
        method = handler_call_details.method
        return self._handlers.get(method) or _missing(method)

    async def _run(self, run: Callable[[Engine, Message], _Result], request: Message) -> _Result:
        try:
            return run(self._engine, request)
        except MustWait as wait:
            return await self._turnstile.retry(wait, lambda: run(self._engine, request))
        finally:
            self._turnstile.turn()

    def _unary(self, run: Callable[[Engine, Message], bytes]) -> Callable[[Message, Any], Awaitable[bytes]]:
        async def handle(request: Message, context: Any) -> bytes:
            try:
                return await self._run(run, request)
            except FirestoreError as error:
                await context.abort(error.code, error.message)
                raise

        return handle

    def _stream(
        self, run: Callable[[Engine, Message], Sequence[bytes]]
    ) -> Callable[[Message, Any], AsyncIterator[bytes]]:
        async def handle(request: Message, context: Any) -> AsyncIterator[bytes]:
            try:
                responses = await self._run(run, request)
            except FirestoreError as error:
                await context.abort(error.code, error.message)
                raise
            for response in responses:
                yield response

        return handle


def _missing(method: str) -> Any:
    name = method.removeprefix(_SERVICE)
    served = ", ".join(sorted([*UNARY_CALLS, *STREAM_CALLS]))

    async def handle(_requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        await context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            f"{name} is not served by the local Firestore, which has: {served}.",
        )
        yield b""

    return grpc.stream_stream_rpc_method_handler(handle)


async def start(engine: Engine, *, port: int = 0) -> tuple[grpc.aio.Server, int]:
    """Serve the engine on loopback (port 0: any free one); answers the running server and its port."""
    server = grpc.aio.server(options=_OPTIONS)
    server.add_generic_rpc_handlers((_Handlers(engine),))
    bound = server.add_insecure_port(f"{HOST}:{port}")
    await server.start()
    return server, bound


async def serve_until(
    stop: asyncio.Event, engine: Engine, *, port: int, ready: Callable[[int], None]
) -> None:
    """Serve until the event is set; `ready` is told the port."""
    server, bound = await start(engine, port=port)
    ready(bound)
    await stop.wait()
    await server.stop(grace=1)
