"""The calls of google.cloud.tasks.v2.CloudTasks that are served here."""

from __future__ import annotations

from google.cloud.tasks_v2.types import cloudtasks
from google.protobuf.empty_pb2 import Empty

from localcloud.grpc_server import Method, Service
from localcloud.tasks.batches import Batches
from localcloud.tasks.dispatcher import Dispatcher
from localcloud.tasks.messages import (
    GetOperationRequest,
    ListQueuesResponse,
    ListTasksResponse,
    Operation,
    Queue,
    Task,
)
from localcloud.tasks.queues import Queues
from localcloud.tasks.store import Store
from localcloud.tasks.task_calls import TaskCalls


def cloud_tasks_services(store: Store, dispatcher: Dispatcher, *, has_identity: bool) -> list[Service]:
    queues = Queues(store, changed=dispatcher.wake)
    tasks = TaskCalls(store, changed=dispatcher.wake, run_now=dispatcher.run_now, has_identity=has_identity)
    batches = Batches(store, create_task=tasks.create)
    handlers = {
        "CreateQueue": (queues.create, Queue),
        "GetQueue": (queues.get, Queue),
        "ListQueues": (queues.list, ListQueuesResponse),
        "UpdateQueue": (queues.update, Queue),
        "DeleteQueue": (queues.delete, Empty),
        "PurgeQueue": (queues.purge, Queue),
        "PauseQueue": (queues.pause, Queue),
        "ResumeQueue": (queues.resume, Queue),
        "CreateTask": (tasks.create, Task),
        "GetTask": (tasks.get, Task),
        "ListTasks": (tasks.list, ListTasksResponse),
        "DeleteTask": (tasks.delete, Empty),
        "RunTask": (tasks.run, Task),
        "BatchCreateTasks": (batches.create, Operation),
    }
    get_operation = Method(handle=batches.get_operation, request=GetOperationRequest, reply=Operation)
    return [
        Service(
            name="google.cloud.tasks.v2.CloudTasks",
            methods={
                name: Method(handle=handle, request=getattr(cloudtasks, f"{name}Request").pb(), reply=reply)
                for name, (handle, reply) in handlers.items()
            },
        ),
        Service(name="google.longrunning.Operations", methods={"GetOperation": get_operation}),
    ]
