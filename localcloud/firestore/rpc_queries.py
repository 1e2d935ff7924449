"""RunQuery, RunAggregationQuery, PartitionQuery."""

from __future__ import annotations

from collections.abc import Sequence

from localcloud.firestore.aggregation import aggregate, aggregated_fields
from localcloud.firestore.consistency import transaction_of
from localcloud.firestore.engine import Engine
from localcloud.firestore.errors import invalid, unimplemented
from localcloud.firestore.field_paths import NAME_FIELD, project
from localcloud.firestore.messages import Cursor, Message, Value, response_class
from localcloud.firestore.names import check_parent
from localcloud.firestore.query import compile_query
from localcloud.firestore.values import name_order, timestamp
from localcloud.firestore.wire import EmbeddedField

_RunQueryResponse = response_class("RunQuery")
_AggregationResponse = response_class("RunAggregationQuery")
_PartitionResponse = response_class("PartitionQuery")
_document = EmbeddedField(_RunQueryResponse, "document")


def _check_explain(request: Message) -> None:
    if request.HasField("explain_options"):
        raise unimplemented("explain_options: query plans are not served here.")


def run_query(engine: Engine, request: Message) -> Sequence[bytes]:
    """RunQuery: one response for each document, or a single one without."""
    _check_explain(request)
    database = check_parent(request.parent)
    query = compile_query(request.parent, request.structured_query)
    transaction, began = transaction_of(engine, request, database)
    found = engine.run(query, transaction)
    head = _RunQueryResponse(read_time=timestamp(engine.now_ns())).SerializeToString()
    responses: list[bytes] = []
    if began or not found:
        responses.append(head + _RunQueryResponse(transaction=began).SerializeToString())
    for stored in found:
        document = stored.document if query.mask is None else project(stored.document, query.mask)
        responses.append(head + _document(document))
    return responses


def run_aggregation_query(engine: Engine, request: Message) -> Sequence[bytes]:
    """RunAggregationQuery: count, sum and average."""
    _check_explain(request)
    database = check_parent(request.parent)
    asked = request.structured_aggregation_query
    fields = aggregated_fields(asked.aggregations)
    query = compile_query(request.parent, asked.structured_query, also_ordered=fields)
    transaction, began = transaction_of(engine, request, database)
    result = aggregate(engine.run(query, transaction), asked.aggregations)
    response = _AggregationResponse(result=result, transaction=began, read_time=timestamp(engine.now_ns()))
    return [response.SerializeToString()]


def partition_query(engine: Engine, request: Message) -> bytes:
    """PartitionQuery: cursors that cut a collection group into partitions of equal size."""
    check_parent(request.parent)
    query = compile_query(request.parent, request.structured_query)
    if not query.all_descendants or query.node is not None or query.offset or query.limit is not None:
        raise invalid("A partition query has no filter, offset or limit, and spans a collection group.")
    if [(order.field, order.is_descending) for order in query.orders] != [(NAME_FIELD, False)]:
        raise invalid("A partition query is ordered by __name__ ascending.")
    if request.partition_count < 1:
        raise invalid("partition_count must be positive.")
    found = engine.run(query)
    parts = min(request.partition_count + 1, len(found))
    names = [found[len(found) * part // parts].name for part in range(1, parts)]
    if request.page_token:
        names = [name for name in names if name_order(name) > name_order(request.page_token)]
    page = names[: request.page_size] if request.page_size else names
    response = _PartitionResponse(next_page_token=page[-1] if len(page) < len(names) else "")
    for name in page:
        response.partitions.append(Cursor(values=[Value(reference_value=name)], before=True))
    return bytes(response.SerializeToString())
