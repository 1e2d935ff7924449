"""Resource names of Cloud Tasks."""

from __future__ import annotations

import re

from localcloud.grpc_server import invalid
from localcloud.locations import LOCATION

_QUEUE = re.compile(rf"({LOCATION.pattern})/queues/([A-Za-z0-9-]{{1,100}})")
_TASK = re.compile(rf"({_QUEUE.pattern})/tasks/([A-Za-z0-9_-]{{1,500}})")


def queue(name: str) -> str:
    if not _QUEUE.fullmatch(name):
        raise invalid(
            "Queue name must be projects/PROJECT_ID/locations/LOCATION_ID/queues/QUEUE_ID, and QUEUE_ID up to 100 "
            f"letters, numbers and hyphens, not {name!r}."
        )
    return name


def task(name: str) -> str:
    if not _TASK.fullmatch(name):
        raise invalid(
            "Task name must be projects/PROJECT_ID/locations/LOCATION_ID/queues/QUEUE_ID/tasks/TASK_ID, and TASK_ID "
            f"up to 500 letters, numbers, hyphens and underscores, not {name!r}."
        )
    return name


def location_of(queue_name: str) -> str:
    return queue_name.rpartition("/queues/")[0]


def queue_of(task_name: str) -> str:
    return task_name.rpartition("/tasks/")[0]


def short(name: str) -> str:
    return name.rpartition("/")[2]
