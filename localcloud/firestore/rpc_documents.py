"""GetDocument, BatchGetDocuments, CreateDocument, UpdateDocument, DeleteDocument."""

from __future__ import annotations

import secrets
import string
from collections.abc import Sequence

from localcloud.firestore.consistency import transaction_of
from localcloud.firestore.engine import Engine
from localcloud.firestore.errors import invalid, not_found
from localcloud.firestore.field_paths import project
from localcloud.firestore.messages import Document, Message, Write, response_class
from localcloud.firestore.names import check_parent, check_segment, database_of
from localcloud.firestore.values import timestamp
from localcloud.firestore.wire import EmbeddedField

_BatchGetResponse = response_class("BatchGetDocuments")
_found = EmbeddedField(_BatchGetResponse, "found")
_ID_LENGTH = 20


def masked(document: Document, request: Message) -> Document:
    """The stored document, or a small one with the fields of the request's mask."""
    return project(document, request.mask.field_paths) if request.HasField("mask") else document


def get_document(engine: Engine, request: Message) -> bytes:
    """GetDocument."""
    transaction, _ = transaction_of(engine, request, database_of(request.name))
    (document,) = engine.get([request.name], transaction)
    if document is None:
        raise not_found(f'Document "{request.name}" not found.')
    return bytes(masked(document, request).SerializeToString())


def batch_get_documents(engine: Engine, request: Message) -> Sequence[bytes]:
    """BatchGetDocuments."""
    database = database_of(request.database)
    if any(database_of(name) != database for name in request.documents):
        raise invalid(f"Every document must be in {database}.")
    transaction, began = transaction_of(engine, request, database)
    names = list(dict.fromkeys(request.documents))
    documents = engine.get(names, transaction)
    head = _BatchGetResponse(read_time=timestamp(engine.now_ns())).SerializeToString()
    responses: list[bytes] = []
    if began:
        responses.append(_BatchGetResponse(transaction=began).SerializeToString())
    for name, document in zip(names, documents, strict=True):
        if document is None:
            responses.append(head + _BatchGetResponse(missing=name).SerializeToString())
        else:
            responses.append(head + _found(masked(document, request)))
    return responses


def create_document(engine: Engine, request: Message) -> bytes:
    """CreateDocument; without an id, a random one."""
    database = check_parent(request.parent)
    check_segment(request.collection_id)
    alphabet = string.ascii_letters + string.digits
    document_id = request.document_id or "".join(secrets.choice(alphabet) for _ in range(_ID_LENGTH))
    write = Write(update=request.document)
    write.update.name = f"{request.parent}/{request.collection_id}/{document_id}"
    write.current_document.exists = False
    return _write_and_read(engine, database, write, request)


def update_document(engine: Engine, request: Message) -> bytes:
    """UpdateDocument."""
    write = Write(update=request.document)
    if request.HasField("update_mask"):
        write.update_mask.CopyFrom(request.update_mask)
    if request.HasField("current_document"):
        write.current_document.CopyFrom(request.current_document)
    return _write_and_read(engine, database_of(request.document.name), write, request)


def delete_document(engine: Engine, request: Message) -> bytes:
    """DeleteDocument; deleting what is not there is no error."""
    write = Write(delete=request.name)
    if request.HasField("current_document"):
        write.current_document.CopyFrom(request.current_document)
    engine.commit(database_of(request.name), [write])
    return b""


def _write_and_read(engine: Engine, database: str, write: Write, request: Message) -> bytes:
    engine.commit(database, [write])
    document = engine.database(database).get(write.update.name)
    return bytes(masked(document, request).SerializeToString())
