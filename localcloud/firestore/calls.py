"""The RPCs that are served, by name. Each takes the engine and a request, and answers serialised responses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from localcloud.firestore import rpc_documents, rpc_listing, rpc_queries, rpc_writes
from localcloud.firestore.engine import Engine
from localcloud.firestore.messages import Message, request_class


@dataclass(frozen=True, slots=True)
class UnaryCall:
    """One response."""

    request: Any
    run: Callable[[Engine, Message], bytes]


@dataclass(frozen=True, slots=True)
class StreamCall:
    """Any number of responses."""

    request: Any
    run: Callable[[Engine, Message], Sequence[bytes]]


UNARY_CALLS: dict[str, UnaryCall] = {
    name: UnaryCall(request_class(name), run)
    for name, run in {
        "GetDocument": rpc_documents.get_document,
        "ListDocuments": rpc_listing.list_documents,
        "CreateDocument": rpc_documents.create_document,
        "UpdateDocument": rpc_documents.update_document,
        "DeleteDocument": rpc_documents.delete_document,
        "Commit": rpc_writes.commit,
        "BatchWrite": rpc_writes.batch_write,
        "BeginTransaction": rpc_writes.begin_transaction,
        "Rollback": rpc_writes.rollback,
        "PartitionQuery": rpc_queries.partition_query,
        "ListCollectionIds": rpc_listing.list_collection_ids,
    }.items()
}
STREAM_CALLS: dict[str, StreamCall] = {
    name: StreamCall(request_class(name), run)
    for name, run in {
        "BatchGetDocuments": rpc_documents.batch_get_documents,
        "RunQuery": rpc_queries.run_query,
        "RunAggregationQuery": rpc_queries.run_aggregation_query,
    }.items()
}
