"""What the gRPC servers of the local platform share: generic handlers over the client packages' own messages.

A handler takes the request message and returns the reply, or raises `Refused`. Handlers run one at a time on the
event loop, so that a server needs no locks; none of them waits for anything but SQLite.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc
import grpc.aio

# The generated protobuf classes are made at run time and carry no types.
Message: TypeAlias = Any

LOG = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 64 * 1024 * 1024


class Refused(Exception):
    """An RPC's refusal, with the status that the caller sees."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Method:
    """One unary RPC; `request` and `reply` are the plain protobuf classes."""

    handle: Callable[[Message], Message]
    request: Message
    reply: Message


@dataclass(frozen=True)
class Service:
    name: str
    methods: Mapping[str, Method]


def invalid(message: str) -> Refused:
    return Refused(grpc.StatusCode.INVALID_ARGUMENT, message)


def not_found(message: str) -> Refused:
    return Refused(grpc.StatusCode.NOT_FOUND, message)


def already_exists(message: str) -> Refused:
    return Refused(grpc.StatusCode.ALREADY_EXISTS, message)


def failed_precondition(message: str) -> Refused:
    return Refused(grpc.StatusCode.FAILED_PRECONDITION, message)


def unserved(message: str) -> Refused:
    return Refused(grpc.StatusCode.UNIMPLEMENTED, f"{message} is not served by the local platform.")


async def start_server(services: Sequence[Service], *, port: int) -> tuple[grpc.aio.Server, int]:
    """Serve on 127.0.0.1 and return the server with the port it got. Raises RuntimeError when the port is taken."""
    server = grpc.aio.server(
        options=[
            ("grpc.so_reuseport", 0),  # otherwise a second server would silently share the port
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ]
    )
    server.add_generic_rpc_handlers([*(_handlers(service) for service in services), _Unserved()])
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    return server, bound


def _handlers(service: Service) -> grpc.GenericRpcHandler[Any, Any]:
    return grpc.method_handlers_generic_handler(
        service.name,
        {
            name: grpc.unary_unary_rpc_method_handler(
                _guarded(method.handle, name=name),
                request_deserializer=method.request.FromString,
                response_serializer=method.reply.SerializeToString,
            )
            for name, method in service.methods.items()
        },
    )


def _guarded(handle: Callable[[Message], Message], *, name: str) -> Callable[[Message, Any], Any]:
    async def call(request: Message, context: Any) -> Message:
        try:
            return handle(request)
        except Refused as refusal:
            await context.abort(refusal.code, refusal.message)
        except Exception as error:
            LOG.exception("%s failed", name)
            await context.abort(grpc.StatusCode.INTERNAL, f"{name} failed: {type(error).__name__}")

    return call


class _Unserved(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in the stubs alone
    """Answers whatever the services before it do not know."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        method = handler_call_details.method

        async def refuse(_request: bytes, context: Any) -> None:
            refusal = unserved(method.removeprefix("/"))
            await context.abort(refusal.code, refusal.message)

        return grpc.unary_unary_rpc_method_handler(refuse)
