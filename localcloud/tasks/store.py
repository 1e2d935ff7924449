"""Where queues, tasks and tombstones live: `tasks.sqlite3`.

A task stays until an attempt succeeded or its retries are exhausted, so whatever was in flight when the process died
is delivered again by the next one. What a task was created with (`payloads`) is written once; its progress changes with
every attempt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from localcloud.clock import Clock
from localcloud.grpc_server import Message, already_exists, failed_precondition, not_found
from localcloud.sqlite import open_database, transaction
from localcloud.tasks.messages import Queue, Task

_HOUR_US = 3_600_000_000
TOMBSTONE_US = 24 * _HOUR_US
QUEUE_TOMBSTONE_US = 72 * _HOUR_US

_SCHEMA = """
CREATE TABLE IF NOT EXISTS queues (name TEXT PRIMARY KEY, location TEXT NOT NULL, message BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS deleted_queues (name TEXT PRIMARY KEY, until_us INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS tasks (
  name TEXT PRIMARY KEY, queue TEXT NOT NULL, named INTEGER NOT NULL, created_us INTEGER NOT NULL,
  due_us INTEGER NOT NULL, in_flight INTEGER NOT NULL DEFAULT 0, dispatches INTEGER NOT NULL DEFAULT 0,
  responses INTEGER NOT NULL DEFAULT 0, executions INTEGER NOT NULL DEFAULT 0, first_dispatch_us INTEGER,
  last_schedule_us INTEGER, last_dispatch_us INTEGER, last_response_us INTEGER, last_http_status INTEGER,
  last_code INTEGER, last_reason TEXT);
CREATE INDEX IF NOT EXISTS tasks_due ON tasks (queue, in_flight, due_us);
CREATE INDEX IF NOT EXISTS tasks_by_name ON tasks (queue, name);
CREATE TABLE IF NOT EXISTS payloads (name TEXT PRIMARY KEY, message BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS tombstones (name TEXT PRIMARY KEY, until_us INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS tombstones_until ON tombstones (until_us);
CREATE TABLE IF NOT EXISTS operations (name TEXT PRIMARY KEY, created_us INTEGER NOT NULL, message BLOB NOT NULL);
UPDATE tasks SET in_flight = 0 WHERE in_flight = 1;
"""

_PROGRESS = (
    "due_us, created_us, dispatches, responses, executions, first_dispatch_us, last_schedule_us, "
    "last_dispatch_us, last_response_us, last_http_status, last_code, last_reason"
)


@dataclass(frozen=True)
class Progress:
    """How far a task has come. `executions` counts replies but for 5xx; times are microseconds since 1970."""

    due_us: int
    created_us: int
    dispatches: int
    responses: int
    executions: int
    first_dispatch_us: int | None
    last_schedule_us: int | None
    last_dispatch_us: int | None
    last_response_us: int | None
    last_http_status: int | None
    last_code: int | None
    last_reason: str | None


class Store:
    def __init__(self, data: Path, *, clock: Clock) -> None:
        self.clock = clock
        self.database = open_database(data / "tasks.sqlite3", schema=_SCHEMA)

    def close(self) -> None:
        self.database.close()

    def queue(self, name: str) -> Message:
        row = self.database.execute("SELECT message FROM queues WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise not_found(f"Queue {name} does not exist.")
        return Queue.FromString(row[0])

    def queue_or_none(self, name: str) -> Message | None:
        row = self.database.execute("SELECT message FROM queues WHERE name = ?", (name,)).fetchone()
        return None if row is None else Queue.FromString(row[0])

    def queues(self) -> list[Message]:
        return [Queue.FromString(row[0]) for row in self.database.execute("SELECT message FROM queues")]

    def queues_in(self, location: str, *, after: str, limit: int) -> list[tuple[str, Message]]:
        rows = self.database.execute(
            "SELECT name, message FROM queues WHERE location = ? AND name > ? ORDER BY name LIMIT ?",
            (location, after, limit),
        )
        return [(name, Queue.FromString(message)) for name, message in rows]

    def add_queue(self, queue: Message, *, location: str) -> None:
        until = self.database.execute(
            "SELECT 1 FROM deleted_queues WHERE name = ? AND until_us > ?", (queue.name, self.clock.now_us())
        ).fetchone()
        if until is not None:
            raise failed_precondition(
                f"The queue cannot be created because a queue with this name existed too recently: {queue.name}."
            )
        added = self.database.execute(
            "INSERT INTO queues VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (queue.name, location, queue.SerializeToString()),
        )
        if not added.rowcount:
            raise already_exists(f"Queue {queue.name} already exists.")

    def save_queue(self, queue: Message) -> None:
        self.database.execute(
            "UPDATE queues SET message = ? WHERE name = ?", (queue.SerializeToString(), queue.name)
        )

    def delete_queue(self, name: str) -> None:
        with transaction(self.database):
            self._remove_all(name)
            self.database.execute("DELETE FROM queues WHERE name = ?", (name,))
            until_us = self.clock.now_us() + QUEUE_TOMBSTONE_US
            self.database.execute("INSERT OR REPLACE INTO deleted_queues VALUES (?, ?)", (name, until_us))

    def purge_queue(self, queue: Message) -> None:
        with transaction(self.database):
            self._remove_all(queue.name)
            self.save_queue(queue)

    def add_task(self, task: Message, *, queue: str, named: bool) -> None:
        """`task` as it was asked for, with its name and its times. Raises ALREADY_EXISTS for 24 h after it ended."""
        now_us = self.clock.now_us()
        with transaction(self.database):
            self.database.execute("DELETE FROM tombstones WHERE until_us <= ?", (now_us,))
            ended = self.database.execute("SELECT 1 FROM tombstones WHERE name = ?", (task.name,)).fetchone()
            if ended is not None:
                raise already_exists(
                    f"The task cannot be created because a task with this name existed too recently: {task.name}."
                )
            added = self.database.execute(
                "INSERT INTO tasks (name, queue, named, created_us, due_us) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                (task.name, queue, named, now_us, task.schedule_time.ToMicroseconds()),
            )
            if not added.rowcount:
                raise already_exists(f"Requested entity already exists: {task.name}.")
            self.database.execute("INSERT INTO payloads VALUES (?, ?)", (task.name, task.SerializeToString()))

    def task(self, name: str) -> tuple[Message, Progress]:
        found = self.task_or_none(name)
        if found is None:
            raise not_found(f"The task {name} does not exist: it was never created, or it has ended.")
        return found

    def task_or_none(self, name: str) -> tuple[Message, Progress] | None:
        rows = self._tasks("name = ?", (name,))
        return rows[0] if rows else None

    def tasks_in(self, queue: str, *, after: str, limit: int) -> list[tuple[Message, Progress]]:
        return self._tasks("queue = ? AND name > ? ORDER BY name LIMIT ?", (queue, after, limit))

    def due(self, queue: str, *, limit: int) -> list[str]:
        rows = self.database.execute(
            "SELECT name FROM tasks WHERE queue = ? AND in_flight = 0 AND due_us <= ? ORDER BY due_us LIMIT ?",
            (queue, self.clock.now_us(), limit),
        )
        return [name for (name,) in rows]

    def next_due_us(self, queue: str) -> int | None:
        row = self.database.execute(
            "SELECT min(due_us) FROM tasks WHERE queue = ? AND in_flight = 0", (queue,)
        ).fetchone()
        due_us: int | None = row[0]
        return due_us

    def begin_attempt(self, name: str) -> None:
        now_us = self.clock.now_us()
        self.database.execute(
            "UPDATE tasks SET in_flight = 1, dispatches = dispatches + 1, last_schedule_us = due_us, "
            "last_dispatch_us = ?, first_dispatch_us = coalesce(first_dispatch_us, ?) WHERE name = ?",
            (now_us, now_us, name),
        )

    def record_failure(
        self, name: str, *, due_us: int, http_status: int | None, code: int, reason: str
    ) -> None:
        responded, executed = http_status is not None, http_status is not None and http_status < 500
        self.database.execute(
            "UPDATE tasks SET in_flight = 0, due_us = ?, responses = responses + ?, executions = executions + ?, "
            "last_response_us = ?, last_http_status = ?, last_code = ?, last_reason = ? WHERE name = ?",
            (due_us, responded, executed, self.clock.now_us(), http_status, code, reason, name),
        )

    def set_due(self, name: str, *, due_us: int) -> None:
        self.database.execute("UPDATE tasks SET due_us = ? WHERE name = ?", (due_us, name))

    def remove_task(self, name: str) -> bool:
        """Whether it was there. A named one leaves a tombstone."""
        with transaction(self.database):
            return self._remove("name = ?", (name,)) > 0

    def operation(self, name: str) -> bytes | None:
        row = self.database.execute("SELECT message FROM operations WHERE name = ?", (name,)).fetchone()
        message: bytes | None = row[0] if row else None
        return message

    def save_operation(self, name: str, message: bytes) -> None:
        now_us = self.clock.now_us()
        self.database.execute("DELETE FROM operations WHERE created_us <= ?", (now_us - TOMBSTONE_US,))
        self.database.execute("INSERT OR REPLACE INTO operations VALUES (?, ?, ?)", (name, now_us, message))

    def _tasks(self, where: str, values: Sequence[object]) -> list[tuple[Message, Progress]]:
        query = f"SELECT message, {_PROGRESS} FROM tasks JOIN payloads USING (name) WHERE {where}"  # noqa: S608
        return [(Task.FromString(row[0]), Progress(*row[1:])) for row in self.database.execute(query, values)]

    def _remove_all(self, queue: str) -> None:
        self._remove("queue = ?", (queue,))

    def _remove(self, where: str, values: tuple[object, ...]) -> int:
        until_us = self.clock.now_us() + TOMBSTONE_US
        self.database.execute(
            f"INSERT OR REPLACE INTO tombstones SELECT name, ? FROM tasks WHERE named = 1 AND {where}",  # noqa: S608
            (until_us, *values),
        )
        self.database.execute(
            f"DELETE FROM payloads WHERE name IN (SELECT name FROM tasks WHERE {where})",  # noqa: S608
            values,
        )
        return self.database.execute(f"DELETE FROM tasks WHERE {where}", values).rowcount  # noqa: S608
