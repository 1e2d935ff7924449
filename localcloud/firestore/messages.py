"""The raw protobuf classes inside google-cloud-firestore; proto-plus wrappers cost several times more per field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from google.cloud.firestore_v1.types import aggregation_result, document, firestore, query, write

if TYPE_CHECKING:
    Message: TypeAlias = Any
    Document: TypeAlias = Any
    Value: TypeAlias = Any
    Write: TypeAlias = Any
    WriteResult: TypeAlias = Any
    FieldTransform: TypeAlias = Any
    Cursor: TypeAlias = Any
    StructuredQuery: TypeAlias = Any
    Filter: TypeAlias = Any
    AggregationResult: TypeAlias = Any
else:
    from google.protobuf.message import Message

    Document = document.Document.pb()
    Value = document.Value.pb()
    Write = write.Write.pb()
    WriteResult = write.WriteResult.pb()
    FieldTransform = write.DocumentTransform.pb().FieldTransform
    Cursor = query.Cursor.pb()
    StructuredQuery = query.StructuredQuery.pb()
    Filter = StructuredQuery.Filter
    AggregationResult = aggregation_result.AggregationResult.pb()

__all__ = [
    "AggregationResult",
    "Cursor",
    "Document",
    "FieldTransform",
    "Filter",
    "Message",
    "StructuredQuery",
    "Value",
    "Write",
    "WriteResult",
    "request_class",
    "response_class",
]


def request_class(method: str) -> Any:
    """The raw request message of one RPC, for example Commit."""
    return getattr(firestore, f"{method}Request").pb()


def response_class(method: str) -> Any:
    """The raw response message of one RPC."""
    return getattr(firestore, f"{method}Response").pb()
