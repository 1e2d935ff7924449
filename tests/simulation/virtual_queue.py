"""Cloud Tasks in virtual time: names are used once, deliveries come at least once, late, twice and out of order."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import yaml
from google.api_core.exceptions import AlreadyExists, ServiceUnavailable
from google.cloud import tasks_v2
from google.rpc.status_pb2 import Status

from localcloud.backoff import retry_delay_us
from localcloud.clock import to_us
from tests.simulation.faults import Gate, Log, Weather
from tests.simulation.kernel import SECOND, Died, Kernel
from tests.simulation.model_bank import SECRET

_CONFIGS = yaml.safe_load(
    (Path(__file__).parents[2] / "functions" / "manifest.yaml").read_text(encoding="utf-8")
)["queues"]
_DEADLINE_US = 600 * SECOND


@dataclass
class VirtualTask:
    name: str
    queue: str
    body: bytes
    schedule_us: int
    attempts: int = 0
    first_attempt_us: int | None = None
    done: bool = False


@dataclass
class BatchMetadata:
    failed_requests: dict[int, Any]


class Batch:
    """The long-running operation of a batch, which has ended."""

    def __init__(self, failed: dict[int, Any]) -> None:
        self.metadata = BatchMetadata(failed)

    def exception(self, timeout: float | None = None) -> Exception | None:
        return ServiceUnavailable("some tasks were not created") if self.metadata.failed_requests else None


Handler = Callable[[VirtualTask], None]
"""Handles one delivery; any exception is a 5xx."""


class VirtualQueue:
    """Stands in for the Cloud Tasks client: `create_task` is what the adapters call."""

    def __init__(
        self,
        kernel: Kernel,
        gate: Gate,
        weather: Weather,
        rng: random.Random,
        log: Log,
        *,
        handle: Handler,
        is_idle: Callable[[VirtualTask], bool],
        complain: Callable[[str, str], None],
    ) -> None:
        self._kernel, self._gate, self._weather, self._rng, self._log = kernel, gate, weather, rng, log
        self._handle = handle
        self._is_idle = is_idle
        self._complain = complain
        self._names: set[str] = set()
        self.counts: Counter[str] = Counter()

    def create_task(self, *, request: tasks_v2.CreateTaskRequest, **_options: Any) -> tasks_v2.Task:
        return self._gate.pass_through("tasks", "create", lambda: self._create(request))

    def batch_create_tasks(self, *, request: tasks_v2.BatchCreateTasksRequest, **_options: Any) -> Batch:
        """Each for itself: some may fail while others are created."""

        def act() -> Batch:
            failed: dict[int, Status] = {}
            for number, single in enumerate(request.requests):
                if self._rng.random() < self._weather.fault_rate:
                    failed[number] = Status(code=14, message="the weather")
                    continue
                try:
                    self._create(single)
                except AlreadyExists:
                    failed[number] = Status(code=6, message="exists")
            return Batch(failed)

        batch: Batch = self._gate.pass_through("tasks", "batch", act)
        return batch

    def _create(self, request: tasks_v2.CreateTaskRequest) -> tasks_v2.Task:
        task = request.task
        if task.name in self._names:
            raise AlreadyExists("The task exists, or did not long ago.")
        self._names.add(task.name)
        queue = task.name.split("/")[-3]
        body = bytes(task.http_request.body)
        if SECRET.encode() in body:
            self._complain("leak", f"a token in the body of task {task.name}")
        schedule = task.schedule_time
        virtual = VirtualTask(
            name=task.name.rpartition("/")[2],
            queue=queue,
            body=body,
            schedule_us=to_us(schedule.astimezone(UTC)) if schedule else self._kernel.now_us,
        )
        self.counts["tasks"] += 1
        self._deliver_at(virtual, virtual.schedule_us)
        if self._rng.random() < self._weather.duplicates:
            late = int(self._rng.random() * self._weather.late_duplicates_us)
            self._deliver_at(virtual, virtual.schedule_us + late, is_duplicate=True)
        return task

    def _deliver_at(self, task: VirtualTask, when_us: int, *, is_duplicate: bool = False) -> None:
        when_us = max(when_us, self._kernel.now_us)
        late = int(self._rng.random() * self._weather.reorder_us)
        self._kernel.at(when_us + late, lambda: self._dispatch(task, is_duplicate=is_duplicate))

    def _dispatch(self, task: VirtualTask, *, is_duplicate: bool) -> None:
        if task.done and not is_duplicate:
            return
        if self._is_idle(task):
            task.done = True
            return
        self.counts["deliveries"] += 1
        self.counts["duplicates"] += is_duplicate
        task.attempts += 1
        number = self.counts["deliveries"]
        if task.first_attempt_us is None:
            task.first_attempt_us = self._kernel.now_us
        state = {"over": False}
        skew_us = self._rng.randint(-self._weather.skew_us, self._weather.skew_us)

        def run() -> None:
            outcome = "5xx"
            try:
                self._handle(task)
                outcome = "200"
            except Died:
                outcome = "died"
            except Exception as error:
                outcome = f"5xx {type(error).__name__}"
                if SECRET in str(error):
                    self._complain("leak", f"a token in {type(error).__name__}")
            self._log.add(self._kernel.now_us, f"delivery-{number}", task.name, outcome)
            if not state["over"]:
                state["over"] = True
                self._after(task, ok=outcome == "200", is_duplicate=is_duplicate)

        def deadline() -> None:
            if not state["over"]:
                state["over"] = True
                self.counts["deadlines"] += 1
                self._after(task, ok=False, is_duplicate=is_duplicate)

        self._kernel.start(run, name=f"delivery-{number}", skew_us=skew_us)
        if not state["over"]:
            self._kernel.at(self._kernel.now_us + _DEADLINE_US, deadline)

    def _after(self, task: VirtualTask, *, ok: bool, is_duplicate: bool) -> None:
        if ok:
            task.done = True
            return
        if is_duplicate:
            return
        self.counts["failed"] += 1
        config = _CONFIGS[task.queue]
        spent_us = self._kernel.now_us - (task.first_attempt_us or 0)
        if (
            task.attempts >= config["max_attempts"]
            and spent_us >= config["max_retry_duration_seconds"] * SECOND
        ):
            self.counts["given up"] += 1
            task.done = True
            return
        delay_us = retry_delay_us(
            task.attempts,
            min_us=config["min_backoff_seconds"] * SECOND,
            max_us=config["max_backoff_seconds"] * SECOND,
            max_doublings=config["max_doublings"],
        )
        self._deliver_at(task, self._kernel.now_us + delay_us)
