"""Which view of the data a request asks for."""

from __future__ import annotations

from localcloud.firestore.engine import Engine
from localcloud.firestore.errors import unimplemented
from localcloud.firestore.messages import Message
from localcloud.firestore.transactions import Transaction


def transaction_of(engine: Engine, request: Message, database: str) -> tuple[Transaction | None, bytes]:
    """The request's transaction, and its id if the request began it (else empty)."""
    selector = request.WhichOneof("consistency_selector")
    if selector == "transaction":
        return engine.transaction(request.transaction, database), b""
    if selector == "new_transaction":
        transaction = engine.begin(database, request.new_transaction)
        return transaction, transaction.id
    if selector == "read_time":
        raise unimplemented("read_time: reads of the past are not served here.")
    return None, b""
