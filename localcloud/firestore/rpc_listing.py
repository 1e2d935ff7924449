"""ListDocuments and ListCollectionIds, page by page."""

from __future__ import annotations

import base64
import binascii

from google.protobuf.message import DecodeError

from localcloud.firestore.consistency import transaction_of
from localcloud.firestore.engine import Engine
from localcloud.firestore.errors import invalid
from localcloud.firestore.field_paths import NAME_FIELD, get_field, parse_field_path
from localcloud.firestore.messages import Cursor, Document, Message, StructuredQuery, Value, response_class
from localcloud.firestore.names import check_parent, check_segment
from localcloud.firestore.query import Query, compile_query
from localcloud.firestore.rpc_documents import masked
from localcloud.firestore.values import name_order
from localcloud.firestore.wire import EmbeddedField

PAGE_SIZE_DEFAULT = 300

_ListDocumentsResponse = response_class("ListDocuments")
_ListCollectionIdsResponse = response_class("ListCollectionIds")
_documents = EmbeddedField(_ListDocumentsResponse, "documents")


def list_documents(engine: Engine, request: Message) -> bytes:
    """ListDocuments; the page token is the cursor of the last document."""
    database = check_parent(request.parent)
    check_segment(request.collection_id)
    if request.page_size < 0:
        raise invalid("page_size is negative.")
    if request.show_missing and request.order_by:
        raise invalid("show_missing cannot be used with order_by.")
    page_size = request.page_size or PAGE_SIZE_DEFAULT
    # One document more than the page tells whether another page follows.
    query = _query(request, limit=page_size + 1)
    transaction, _ = transaction_of(engine, request, database)
    documents = [stored.document for stored in engine.run(query, transaction)]
    if request.show_missing:
        documents = _with_missing(engine, request, documents, limit=page_size + 1)
    page = documents[:page_size]
    body = b"".join(_documents(masked(document, request)) for document in page)
    if len(documents) > page_size:
        token = _token(page[-1], query)
        body += _ListDocumentsResponse(next_page_token=token).SerializeToString()
    return body


def _query(request: Message, *, limit: int) -> Query:
    structured = StructuredQuery()
    structured.from_.add(collection_id=request.collection_id)
    for part in filter(None, (part.strip() for part in request.order_by.split(","))):
        field, _, direction = part.partition(" ")
        if direction.strip().lower() not in ("", "asc", "desc"):
            raise invalid(f'Invalid order_by "{request.order_by}".')
        is_descending = direction.strip().lower() == "desc"
        order = structured.order_by.add()
        order.field.field_path = field
        order.direction = (
            StructuredQuery.Direction.DESCENDING if is_descending else StructuredQuery.Direction.ASCENDING
        )
    if request.page_token:
        structured.start_at.CopyFrom(_cursor(request.page_token))
    structured.limit.value = limit
    return compile_query(request.parent, structured)


def _token(last: Document, query: Query) -> str:
    cursor = Cursor()
    for order in query.orders:
        if order.field == NAME_FIELD:
            cursor.values.append(Value(reference_value=last.name))
        else:
            cursor.values.append(get_field(last.fields, parse_field_path(order.field)))
    return base64.urlsafe_b64encode(cursor.SerializeToString()).decode()


def _cursor(token: str) -> Cursor:
    try:
        return Cursor.FromString(base64.urlsafe_b64decode(token))
    except (binascii.Error, DecodeError, ValueError):
        raise invalid("The page token is not one of ours.") from None


def _with_missing(
    engine: Engine, request: Message, documents: list[Document], *, limit: int
) -> list[Document]:
    database = engine.database(check_parent(request.parent))
    names = database.missing_documents(f"{request.parent}/{request.collection_id}")
    if request.page_token:
        start = name_order(_cursor(request.page_token).values[-1].reference_value)
        names = {name for name in names if name_order(name) > start}
    merged = [*documents, *(Document(name=name) for name in names)]
    return sorted(merged, key=lambda document: name_order(document.name))[:limit]


def list_collection_ids(engine: Engine, request: Message) -> bytes:
    """ListCollectionIds; the page token is the last id."""
    ids = engine.database(check_parent(request.parent)).collection_ids(request.parent)
    ids = [collection_id for collection_id in ids if collection_id > request.page_token]
    page = ids[: request.page_size] if request.page_size else ids
    token = page[-1] if len(page) < len(ids) else ""
    return bytes(_ListCollectionIdsResponse(collection_ids=page, next_page_token=token).SerializeToString())
