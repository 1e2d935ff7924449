"""Queues: create, get, list, update, delete, pause, resume, purge."""

from __future__ import annotations

from collections.abc import Callable

from google.protobuf.empty_pb2 import Empty

from localcloud.grpc_server import Message, invalid, unserved
from localcloud.locations import location
from localcloud.paging import cursor_of, page_size, split_page
from localcloud.tasks import names
from localcloud.tasks.messages import ListQueuesResponse, Queue
from localcloud.tasks.queue_config import apply_config
from localcloud.tasks.store import Store

MAX_PAGE = 9_800


class Queues:
    """`changed` is called whenever tasks may be due that were not."""

    def __init__(self, store: Store, *, changed: Callable[[], None]) -> None:
        self._store = store
        self._changed = changed

    def create(self, request: Message) -> Message:
        parent, name = location(request.parent), names.queue(request.queue.name)
        if names.location_of(name) != parent:
            raise invalid("queue.name must begin with the parent.")
        return self._add(request.queue)

    def get(self, request: Message) -> Message:
        return self._store.queue(names.queue(request.name))

    def list(self, request: Message) -> Message:
        if request.filter:
            raise unserved("filter of ListQueues")
        size = page_size(request.page_size, maximum=MAX_PAGE)
        found = self._store.queues_in(
            location(request.parent), after=cursor_of(request.page_token), limit=size + 1
        )
        page, token = split_page(found, size=size)
        return ListQueuesResponse(queues=page, next_page_token=token)

    def update(self, request: Message) -> Message:
        """Creates the queue when there is none, as Cloud Tasks does."""
        queue = self._store.queue_or_none(names.queue(request.queue.name))
        if queue is None:
            return self._add(request.queue)
        apply_config(request.queue, queue, paths=set(request.update_mask.paths))
        self._store.save_queue(queue)
        self._changed()
        return queue

    def delete(self, request: Message) -> Message:
        queue = self._store.queue(names.queue(request.name))
        self._store.delete_queue(queue.name)
        return Empty()

    def purge(self, request: Message) -> Message:
        queue = self._store.queue(names.queue(request.name))
        queue.purge_time.FromMicroseconds(self._store.clock.now_us())
        self._store.purge_queue(queue)
        return queue

    def pause(self, request: Message) -> Message:
        return self._set_state(request, Queue.PAUSED)

    def resume(self, request: Message) -> Message:
        return self._set_state(request, Queue.RUNNING)

    def _add(self, asked: Message) -> Message:
        queue = Queue(name=asked.name, state=Queue.RUNNING)
        apply_config(asked, queue, paths=())
        self._store.add_queue(queue, location=names.location_of(queue.name))
        return queue

    def _set_state(self, request: Message, state: int) -> Message:
        queue = self._store.queue(names.queue(request.name))
        queue.state = state
        self._store.save_queue(queue)
        self._changed()
        return queue
