"""Where jobs and their running executions live: `scheduler.sqlite3`.

A job knows its next tick; a tick that comes due becomes an execution, which stays until it succeeded or its retries
are spent. Whatever was in flight when the process died is attempted again by the next one, with its schedule time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from localcloud.clock import Clock
from localcloud.grpc_server import Message, already_exists, not_found
from localcloud.scheduler.messages import Job
from localcloud.sqlite import open_database, transaction

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (name TEXT PRIMARY KEY, location TEXT NOT NULL, next_tick_us INTEGER NOT NULL,
                                 message BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS executions (
  id INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, forced INTEGER NOT NULL, tick_us INTEGER NOT NULL,
  due_us INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, first_attempt_us INTEGER);
CREATE INDEX IF NOT EXISTS executions_by_job ON executions (job, forced);
"""


@dataclass(frozen=True)
class Execution:
    """`tick_us` is the schedule time it stands for, `due_us` the time of its next attempt (microseconds since 1970)."""

    id: int
    job: str
    forced: bool
    tick_us: int
    due_us: int
    attempts: int
    first_attempt_us: int | None


class Store:
    def __init__(self, data: Path, *, clock: Clock) -> None:
        self.clock = clock
        self.database = open_database(data / "scheduler.sqlite3", schema=_SCHEMA)

    def close(self) -> None:
        self.database.close()

    def add_job(self, job: Message, *, location: str, next_tick_us: int) -> None:
        added = self.database.execute(
            "INSERT INTO jobs VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (job.name, location, next_tick_us, job.SerializeToString()),
        )
        if not added.rowcount:
            raise already_exists(f"Job {job.name} already exists.")

    def job(self, name: str) -> Message:
        found = self.job_or_none(name)
        if found is None:
            raise not_found(f"Job {name} not found.")
        return found

    def job_or_none(self, name: str) -> Message | None:
        """The job, its schedule_time being its next attempt: a retry's, or the next tick's."""
        row = self.database.execute(
            "SELECT message, coalesce((SELECT due_us FROM executions WHERE job = name AND forced = 0), next_tick_us) "
            "FROM jobs WHERE name = ?",
            (name,),
        ).fetchone()
        if row is None:
            return None
        job = Job.FromString(row[0])
        if job.state == Job.ENABLED:
            job.schedule_time.FromMicroseconds(row[1])
        return job

    def jobs_in(self, location: str, *, after: str, limit: int) -> list[tuple[str, Message]]:
        rows = self.database.execute(
            "SELECT name FROM jobs WHERE location = ? AND name > ? ORDER BY name LIMIT ?",
            (location, after, limit),
        ).fetchall()
        return [(name, self.job(name)) for (name,) in rows]

    def save_job(self, job: Message, *, next_tick_us: int | None = None, drop_retry: bool = False) -> None:
        """`drop_retry` ends the scheduled execution too, though not an attempt that is under way."""
        kept = Job()
        kept.CopyFrom(job)
        kept.ClearField("schedule_time")
        with transaction(self.database):
            self.database.execute(
                "UPDATE jobs SET message = ?, next_tick_us = coalesce(?, next_tick_us) WHERE name = ?",
                (kept.SerializeToString(), next_tick_us, job.name),
            )
            if drop_retry:
                self.database.execute("DELETE FROM executions WHERE job = ? AND forced = 0", (job.name,))

    def delete_job(self, name: str) -> None:
        with transaction(self.database):
            self.database.execute("DELETE FROM executions WHERE job = ?", (name,))
            self.database.execute("DELETE FROM jobs WHERE name = ?", (name,))

    def jobs_due(self) -> list[tuple[str, int]]:
        """Names and ticks of the jobs that are due and have no execution of an earlier tick outstanding."""
        return self.database.execute(
            "SELECT name, next_tick_us FROM jobs WHERE next_tick_us <= ? "
            "AND NOT EXISTS (SELECT 1 FROM executions WHERE job = name AND forced = 0)",
            (self.clock.now_us(),),
        ).fetchall()

    def next_tick_us(self, name: str) -> int | None:
        row = self.database.execute("SELECT next_tick_us FROM jobs WHERE name = ?", (name,)).fetchone()
        return None if row is None else int(row[0])

    def set_next_tick(self, name: str, *, next_tick_us: int) -> None:
        self.database.execute("UPDATE jobs SET next_tick_us = ? WHERE name = ?", (next_tick_us, name))

    def add_tick(self, name: str, *, tick_us: int, next_tick_us: int) -> None:
        with transaction(self.database):
            self._add_execution(name, tick_us=tick_us, forced=False)
            self.set_next_tick(name, next_tick_us=next_tick_us)

    def add_forced_run(self, name: str) -> None:
        self._add_execution(name, tick_us=self.clock.now_us(), forced=True)

    def executions_due(self) -> list[Execution]:
        rows = self.database.execute(
            "SELECT id, job, forced, tick_us, due_us, attempts, first_attempt_us FROM executions WHERE due_us <= ?",
            (self.clock.now_us(),),
        )
        return [Execution(row[0], row[1], bool(row[2]), *row[3:]) for row in rows]

    def begin_attempt(self, execution: Execution, job: Message) -> Execution:
        """Count the attempt, and note its time in the job."""
        now_us = self.clock.now_us()
        job.last_attempt_time.FromMicroseconds(now_us)
        with transaction(self.database):
            self.database.execute(
                "UPDATE executions SET attempts = attempts + 1, first_attempt_us = coalesce(first_attempt_us, ?) "
                "WHERE id = ?",
                (now_us, execution.id),
            )
            self._save_message(job)
        return Execution(
            execution.id,
            execution.job,
            execution.forced,
            execution.tick_us,
            execution.due_us,
            execution.attempts + 1,
            execution.first_attempt_us if execution.first_attempt_us is not None else now_us,
        )

    def end_attempt(self, execution: Execution, *, code: int, reason: str, retry_us: int | None) -> None:
        """Record how it ended, and either when it is tried again or that the execution is over."""
        with transaction(self.database):
            job = self.job_or_none(execution.job)
            if job is None:
                return
            job.status.code, job.status.message = code, reason
            self._save_message(job)
            if retry_us is None:
                self.database.execute("DELETE FROM executions WHERE id = ?", (execution.id,))
            else:
                self.database.execute(
                    "UPDATE executions SET due_us = ? WHERE id = ?", (retry_us, execution.id)
                )

    def _save_message(self, job: Message) -> None:
        kept = Job()
        kept.CopyFrom(job)
        kept.ClearField("schedule_time")
        self.database.execute(
            "UPDATE jobs SET message = ? WHERE name = ?", (kept.SerializeToString(), job.name)
        )

    def _add_execution(self, name: str, *, tick_us: int, forced: bool) -> None:
        self.database.execute(
            "INSERT INTO executions (job, forced, tick_us, due_us) VALUES (?, ?, ?, ?)",
            (name, forced, tick_us, self.clock.now_us()),
        )
