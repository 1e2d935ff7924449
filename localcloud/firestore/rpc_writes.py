"""Commit, BatchWrite, BeginTransaction, Rollback."""

from __future__ import annotations

from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from localcloud.firestore.engine import Engine
from localcloud.firestore.errors import FirestoreError, invalid
from localcloud.firestore.limits import REQUEST_MAX_BYTES
from localcloud.firestore.messages import Message, WriteResult, response_class
from localcloud.firestore.names import database_of
from localcloud.firestore.values import timestamp
from localcloud.firestore.writes import write_name

_BeginTransactionResponse = response_class("BeginTransaction")
_CommitResponse = response_class("Commit")
_BatchWriteResponse = response_class("BatchWrite")


def _check_size(request: Message) -> None:
    if request.ByteSize() > REQUEST_MAX_BYTES:
        raise invalid(
            f"Transaction too big. Decrease transaction size. The limit is {REQUEST_MAX_BYTES:,} bytes."
        )


def begin_transaction(engine: Engine, request: Message) -> bytes:
    """BeginTransaction."""
    transaction = engine.begin(request.database, request.options)
    return bytes(_BeginTransactionResponse(transaction=transaction.id).SerializeToString())


def rollback(engine: Engine, request: Message) -> bytes:
    """Rollback; of a transaction that has already ended, nothing is left to do."""
    transaction = engine.transactions.find(request.transaction)
    if transaction is not None:
        engine.transactions.finish(transaction)
    return b""


def commit(engine: Engine, request: Message) -> bytes:
    """Commit."""
    _check_size(request)
    database = database_of(request.database)
    transaction = engine.transaction(request.transaction, database) if request.transaction else None
    commit_ns, results = engine.commit(database, request.writes, transaction)
    response = _CommitResponse(commit_time=timestamp(commit_ns), write_results=results)
    return bytes(response.SerializeToString())


def batch_write(engine: Engine, request: Message) -> bytes:
    """BatchWrite: each write for itself, each with its own status."""
    _check_size(request)
    names = [write_name(write) for write in request.writes]
    if len(set(names)) < len(names):
        raise invalid("A document cannot be written twice in one BatchWrite.")
    # Waiting must come before the first write: a call that waits is made again from its start.
    engine.transactions.check_free(names)
    response = _BatchWriteResponse()
    for write in request.writes:
        try:
            _, (result,) = engine.commit(database_of(request.database), [write])
            status = Status()
        except FirestoreError as error:
            result = WriteResult()
            status = Status(code=error.code.value[0], message=error.message)
        response.write_results.append(result)
        response.status.append(status)
    return bytes(response.SerializeToString())
