"""One seed's world: an organisation, its bank, its PSU and its consents, and what the weather does to all of them."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import google.api_core.retry.retry_streaming
import google.api_core.retry.retry_unary
import msgspec
from greenlet import getcurrent

import shared.gcp.raw_firestore
import shared.gcp.sync_tasks
from localcloud.clock import from_us
from localcloud.firestore.engine import Engine
from localcloud.firestore.in_process import InProcessChannel, in_process_client
from localcloud.firestore.messages import Document, Message
from shared.domain.consents import shard_of
from shared.domain.errors import TokError
from shared.domain.ids import derived_id
from shared.gcp import paths
from shared.gcp.raw_firestore import RawFirestore
from tests.simulation import fast_client, product
from tests.simulation.faults import EXPECTED_ERRORS, Gate, Log, Weather
from tests.simulation.gated_bank import GatedBanks
from tests.simulation.kernel import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Died,
    Kernel,
    SimulatedClock,
    SimulatedTime,
    Worker,
)
from tests.simulation.keys import InProcessKms
from tests.simulation.model_bank import SECRET, ModelBank
from tests.simulation.virtual_queue import VirtualQueue, VirtualTask

START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
_PROJECT, _DATABASE = "sim", "sandbox"
_DATABASE_NAME = f"projects/{_PROJECT}/databases/{_DATABASE}"
_TICK_US = 5 * MINUTE
_PSU_GIVES_UP_US = 20 * MINUTE
_CALM_US = 3 * DAY
"""Long enough for what waits longest: a bank's budget, twice."""


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    at: datetime
    text: str


@dataclass
class Connection:
    """A consent as the client that asked for it knows it."""

    consent_id: str
    revoked: bool = False
    """The client has asked for its end once, whatever came of that."""


class LeakWatch(logging.Handler):
    """Reads every line of the log."""

    def __init__(self, complain: Callable[[str, str], None]) -> None:
        super().__init__(logging.INFO)
        self._complain = complain

    def emit(self, record: logging.LogRecord) -> None:
        if SECRET in self.format(record):
            self._complain("leak", f"a token in a line of {record.name}")


class World:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        rng = random.Random(seed)
        # What the product draws by itself (jitter) is the seed's too.
        random.seed(seed)
        self.kernel = Kernel(START)
        self.log = Log()
        self.violations: list[Violation] = []
        self.counts: Counter[str] = Counter()
        self.connections: list[Connection] = []
        self.on_synced: Callable[[], None] = lambda: None
        """Called after each sync; whoever checks replaces it."""
        self.weather = Weather(rng)
        self.gate = Gate(self.kernel, self.weather, random.Random(rng.random()), self.log)
        self.stormy_us = rng.randrange(2, 6) * DAY
        self.calm_from_us = self.kernel.now_us + self.stormy_us
        self.bank = ModelBank(
            self.kernel,
            rng,
            end_us=self.calm_from_us,
            accounts=rng.choice((1, 1, 2)),
            history_days=rng.choice((5, 20, 40)),
            complain=self.complain,
        )
        self.queue = VirtualQueue(
            self.kernel,
            self.gate,
            self.weather,
            random.Random(rng.random()),
            self.log,
            handle=self._handle,
            is_idle=self._is_idle,
            complain=self.complain,
        )
        self.rng = random.Random(rng.random())
        self._engine = Engine(clock=lambda: self.kernel.now_us * 1_000, sink=self._stored)
        self._channel = InProcessChannel(self._engine, around=self._store_call)
        with self.in_place():
            self.product = product.Product(
                derived_id("org", str(seed)),
                data=in_process_client(self._channel, project=_PROJECT, database=_DATABASE),
                raw=RawFirestore(project=_PROJECT, database=_DATABASE),
                banks=GatedBanks(self.bank, self.gate),
                kms=lambda: InProcessKms(self.gate),
                clock=SimulatedClock(self.kernel),
            )

    def complain(self, kind: str, text: str) -> None:
        self.violations.append(Violation(kind=kind, at=self.kernel.now(), text=text))
        self.log.add(self.kernel.now_us, "VIOLATION", kind, text)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The product's own clients are this world's while the block runs."""
        time = SimulatedTime(self.kernel)
        with ExitStack() as stack:
            for module in (google.api_core.retry.retry_unary, google.api_core.retry.retry_streaming):
                stack.enter_context(mock.patch.object(module, "time", time))
            for module, name, make in (
                (shared.gcp.sync_tasks, "tasks_client", self._tasks_client),
                (shared.gcp.raw_firestore, "firestore_channel", self._firestore_channel),
            ):
                stack.enter_context(mock.patch.object(module, name, make))
            root, watch = logging.getLogger(), LeakWatch(self.complain)
            stack.enter_context(mock.patch.object(root, "level", logging.INFO))
            root.addHandler(watch)
            stack.callback(root.removeHandler, watch)
            fast_client.patch(stack)
            product.patch(stack)
            yield

    def run(self) -> None:
        """The storm, and then the calm in which everything must come right."""
        with self.in_place():
            self._plan()
            self.kernel.run_until(self.calm_from_us)
            self.weather.calm()
            self.kernel.run_until(self.calm_from_us + _CALM_US)

    def _tasks_client(self) -> VirtualQueue:
        return self.queue

    def _firestore_channel(self) -> InProcessChannel:
        return self._channel

    def _store_call(self, name: str, _request: Message, run: Callable[[], Any]) -> Any:
        return self.gate.pass_through("store", name, run)

    def _stored(self, changes: Mapping[str, Document | None]) -> None:
        self.counts["documents written"] += len(changes)
        mark = SECRET.encode()
        for name, document in changes.items():
            if document is not None and mark in document.SerializeToString():
                self.complain("leak", f"a token in {name.removeprefix(_DATABASE_NAME)}")

    def _plan(self) -> None:
        kernel, rng = self.kernel, self.rng
        start_us = kernel.now_us
        kernel.at(start_us + SECOND, self._connect)
        kernel.at(start_us + _TICK_US, self._tick)

        def sometime(likely: float, act: Callable[[], None]) -> None:
            if rng.random() < likely:
                kernel.at(start_us + int(rng.random() * self.stormy_us), act)

        sometime(0.4, self._connect)
        sometime(0.25, self._client_revokes)
        sometime(0.15, self._psu_revokes)
        sometime(0.4, self._renew)
        sometime(0.2, self._renew)
        for _ in range(rng.choice((0, 2, 6))):
            sometime(1.0, self._refresh)
        if rng.random() < 0.15:
            self.bank.valid_us = int(self.stormy_us * (0.2 + 0.6 * rng.random()))

    def _connect(self) -> None:
        """A client starts a consent, and its PSU goes through with it; again, until it holds or time is over."""
        connection = Connection(
            derived_id("con", str(self.seed), str(len(self.connections)), on=self.kernel.now().date())
        )
        self.connections.append(connection)
        if self.kernel.now_us >= self.calm_from_us:
            self.bank.valid_us = 90 * DAY
        self._worker("start", lambda: self._send_psu(self.product.start(connection.consent_id)))
        self.kernel.at(self.kernel.now_us + _PSU_GIVES_UP_US, lambda: self._connect_again(connection))

    def _connect_again(self, connection: Connection) -> None:
        consent = self.product.consent(connection.consent_id)
        if connection.revoked or (consent is not None and consent.status == "active"):
            return
        if self.kernel.now_us < self.calm_from_us + DAY:
            self._connect()

    def _send_psu(self, redirect_url: str) -> None:
        """To the bank and back with a code; a browser may come back twice."""
        grant = self.bank.grants[redirect_url.rpartition("/")[2]]

        def come_back() -> None:
            self._worker(
                "callback",
                lambda: self.product.complete(state=grant.oauth_state, code=f"code-{grant.bank_consent_id}"),
            )

        for _ in range(1 + (self.rng.random() < self.weather.duplicates)):
            self.kernel.at(self.kernel.now_us + self.rng.randrange(SECOND, 2 * MINUTE), come_back)

    def _renew(self) -> None:
        if not self.connections:
            return
        connection = self.rng.choice(self.connections)

        def renew() -> None:
            self._send_psu(self.product.renew(connection.consent_id))

        self._worker("renew", renew)

    def _refresh(self) -> None:
        accounts = self.product.accounts.list(self.product.organisation_id, limit=100, after=None)
        if not accounts:
            return
        account_id = self.rng.choice(accounts).id
        is_attended = self.rng.random() < 0.5
        request_id = f"req-{self.rng.getrandbits(64):x}"

        def refresh() -> None:
            self.product.refresh(account_id, request_id=request_id, is_attended=is_attended)

        for _ in range(1 + (self.rng.random() < self.weather.duplicates)):
            self._worker("refresh", refresh)

    def _client_revokes(self) -> None:
        if not self.connections:
            return
        connection = self.rng.choice(self.connections)
        connection.revoked = True
        self._worker("revoke", lambda: self.product.revoke(connection.consent_id))
        if self.rng.random() < 0.7:
            self.kernel.at(self.kernel.now_us + HOUR, self._connect)

    def _psu_revokes(self) -> None:
        if not self.bank.grants:
            return
        self.bank.psu_revokes(self.rng.choice(list(self.bank.grants)))
        if self.rng.random() < 0.7:
            self.kernel.at(self.kernel.now_us + self.rng.randrange(HOUR, DAY), self._connect)

    def _tick(self) -> None:
        """The Scheduler's. One that would find nothing is left out: it is a query and nothing else."""
        self.kernel.at(self.kernel.now_us + _TICK_US, self._tick)
        if self.rng.random() < self.weather.missed_ticks or not self._is_anything_due():
            return
        scheduled_at = from_us(self.kernel.now_us - self.kernel.now_us % _TICK_US)
        for _ in range(1 + (self.rng.random() < self.weather.duplicates)):
            self._worker("tick", lambda: self.product.tick(scheduled_at))

    def _is_anything_due(self, shard: int | None = None) -> bool:
        soon = self.kernel.now_us + MINUTE
        stored = self._engine.database(_DATABASE_NAME)
        for connection in self.connections:
            if shard is not None and shard_of(connection.consent_id) != shard:
                continue
            path = paths.consent(self.product.organisation_id, connection.consent_id)
            document = stored.get(f"{_DATABASE_NAME}/documents/{path}")
            due = document.fields["dueAt"] if document is not None else None
            at_us = due.timestamp_value.ToMicroseconds() if due is not None else 0
            if 0 < at_us <= soon:
                return True
        return False

    def _is_idle(self, task: VirtualTask) -> bool:
        """A shard in which nothing is due is one query that finds nothing: left out, and not counted."""
        return task.queue == "dispatch" and not self._is_anything_due(msgspec.json.decode(task.body)["shard"])

    def _handle(self, task: VirtualTask) -> None:
        worker = getcurrent()
        assert isinstance(worker, Worker)
        try:
            outcome = self.product.deliver(
                task.queue, task.name, task.body, should_stop=lambda: self._is_stopping(worker)
            )
        except Exception as error:
            self._check_expected(error)
            raise
        self.counts[f"{task.queue} {outcome}"] += 1
        self.log.add(self.kernel.now_us, task.name, outcome)
        if outcome == "synced":
            # Looked at from outside: whoever checks meets no faults and takes no time.
            self.kernel.at(self.kernel.now_us, self.on_synced)

    def _is_stopping(self, worker: Worker) -> bool:
        """SIGTERM: once it has come, every call to the bank must be the last, and 10 seconds later it is over."""
        if worker.is_stopping or self.rng.random() >= self.weather.terminations:
            return worker.is_stopping
        worker.is_stopping = True
        self.gate.faults["worker terminated"] += 1
        return True

    def _worker(self, name: str, act: Callable[[], object]) -> None:
        skew_us = self.rng.randint(-self.weather.skew_us, self.weather.skew_us)
        self.counts[f"{name}s"] += 1
        full_name = f"{name}-{self.counts[f'{name}s']}"

        def run() -> None:
            outcome = "done"
            try:
                act()
            except Died:
                outcome = "died"
            except TokError as error:
                outcome = type(error).__name__
            except Exception as error:
                outcome = f"5xx {type(error).__name__}"
                self._check_expected(error)
            self.log.add(self.kernel.now_us, full_name, outcome)

        self.kernel.start(run, name=full_name, skew_us=skew_us)

    def _check_expected(self, error: Exception) -> None:
        """A fault of the weather may come out; anything else is the product's own mistake."""
        if SECRET in str(error):
            self.complain("leak", f"a token in {type(error).__name__}")
        if not isinstance(error, EXPECTED_ERRORS):
            self.complain("error", f"{type(error).__name__}: {error}")
