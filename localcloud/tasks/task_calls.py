"""Tasks: create, get, list, delete, run."""

from __future__ import annotations

from collections.abc import Callable

from google.protobuf.empty_pb2 import Empty

from localcloud.grpc_server import Message, not_found
from localcloud.paging import cursor_of, page_size, split_page
from localcloud.tasks import names
from localcloud.tasks.messages import ListTasksResponse
from localcloud.tasks.store import Store
from localcloud.tasks.task_spec import checked_task, shown_task

MAX_PAGE = 1_000


class TaskCalls:
    """`changed` is called when a task was added; `run_now` starts an attempt whatever the queue's limits."""

    def __init__(
        self,
        store: Store,
        *,
        changed: Callable[[], None],
        run_now: Callable[[str], None],
        has_identity: bool,
    ) -> None:
        self._store = store
        self._changed = changed
        self._run_now = run_now
        self._has_identity = has_identity

    def create(self, request: Message) -> Message:
        queue = names.queue(request.parent)
        self._store.queue(queue)
        task = checked_task(
            request.task, queue=queue, clock=self._store.clock, has_identity=self._has_identity
        )
        self._store.add_task(task, queue=queue, named=bool(request.task.name))
        self._changed()
        return self._shown(task.name, view=request.response_view)

    def get(self, request: Message) -> Message:
        return self._shown(names.task(request.name), view=request.response_view)

    def list(self, request: Message) -> Message:
        queue, size = names.queue(request.parent), page_size(request.page_size, maximum=MAX_PAGE)
        self._store.queue(queue)
        found = self._store.tasks_in(queue, after=cursor_of(request.page_token), limit=size + 1)
        page, token = split_page(
            [(task.name, shown_task(task, progress, view=request.response_view)) for task, progress in found],
            size=size,
        )
        return ListTasksResponse(tasks=page, next_page_token=token)

    def delete(self, request: Message) -> Message:
        name = names.task(request.name)
        if not self._store.remove_task(name):
            raise not_found(f"The task {name} does not exist: it was never created, or it has ended.")
        return Empty()

    def run(self, request: Message) -> Message:
        name = names.task(request.name)
        self._store.task(name)
        self._store.set_due(name, due_us=self._store.clock.now_us())
        self._run_now(name)
        return self._shown(name, view=request.response_view)

    def _shown(self, name: str, *, view: int) -> Message:
        task, progress = self._store.task(name)
        return shown_task(task, progress, view=view)
