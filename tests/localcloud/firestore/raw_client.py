"""Calls by name with raw messages, so that two servers get exactly the same request."""

from __future__ import annotations

from typing import Any

import grpc

from localcloud.firestore.calls import STREAM_CALLS
from localcloud.firestore.messages import Document, response_class

_RESPONSES = {"GetDocument": Document, "CreateDocument": Document, "UpdateDocument": Document}
# What client libraries send to an emulator.
_METADATA = [("authorization", "Bearer owner")]


class RawClient:
    """One channel to one server."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address)

    def call(self, method: str, request: Any) -> list[Any]:
        """Every response; a unary call has one."""
        path = f"/google.firestore.v1.Firestore/{method}"
        response = _RESPONSES.get(method) or response_class(method)
        serialise = type(request).SerializeToString
        if method in STREAM_CALLS:
            stream = self._channel.unary_stream(path, serialise, response.FromString)
            return list(stream(request, timeout=60, metadata=_METADATA))
        unary = self._channel.unary_unary(path, serialise, response.FromString)
        return [unary(request, timeout=60, metadata=_METADATA)]

    def close(self) -> None:
        self._channel.close()
