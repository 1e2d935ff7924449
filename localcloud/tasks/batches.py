"""BatchCreateTasks: an operation that is done when it is answered, and found again by its request id for a day."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from grpc import StatusCode

from localcloud.grpc_server import Message, Refused, invalid, not_found
from localcloud.http_target import number_of
from localcloud.sqlite import transaction
from localcloud.tasks import names
from localcloud.tasks.messages import BatchCreateTasksMetadata, BatchCreateTasksResponse, Operation
from localcloud.tasks.store import Store

MAX_BATCH = 100


class Batches:
    def __init__(self, store: Store, *, create_task: Callable[[Message], Message]) -> None:
        self._store = store
        self._create_task = create_task

    def create(self, request: Message) -> Message:
        queue = names.queue(request.parent)
        self._store.queue(queue)
        if not 1 <= len(request.requests) <= MAX_BATCH:
            raise invalid(f"requests must hold between 1 and {MAX_BATCH} tasks.")
        if any(part.parent != queue for part in request.requests):
            raise invalid("Every request's parent must be the batch's.")
        name = f"{names.location_of(queue)}/operations/{request.request_id or uuid.uuid4()}"
        done = self._store.operation(name)
        if done is not None:
            return Operation.FromString(done)
        with transaction(self._store.database):
            operation = self._run(request, name=name)
            self._store.save_operation(name, operation.SerializeToString())
        return operation

    def get_operation(self, request: Message) -> Message:
        done = self._store.operation(request.name)
        if done is None:
            raise not_found(f"Operation {request.name} does not exist.")
        return Operation.FromString(done)

    def _run(self, request: Message, *, name: str) -> Message:
        reply, metadata = BatchCreateTasksResponse(), BatchCreateTasksMetadata()
        metadata.start_time.FromMicroseconds(self._store.clock.now_us())
        for index, part in enumerate(request.requests):
            try:
                reply.tasks.append(self._create_task(part))
            except Refused as refusal:
                status = metadata.failed_requests[index]
                status.code, status.message = number_of(refusal.code), refusal.message
        metadata.end_time.FromMicroseconds(self._store.clock.now_us())
        metadata.state = (
            BatchCreateTasksMetadata.PARTIALLY_SUCCEEDED
            if metadata.failed_requests
            else BatchCreateTasksMetadata.SUCCEEDED
        )
        operation = Operation(name=name, done=True)
        if reply.tasks:
            operation.response.Pack(reply)
        else:
            operation.error.code = number_of(StatusCode.ABORTED)
            operation.error.message = (
                "None of the requests succeeded, refer to BatchCreateTasksMetadata.failed_requests for individual "
                "error details"
            )
        operation.metadata.Pack(metadata)
        return operation
