"""One seed's world: an organisation, its bank, its consents, and the product's own code between them."""

from __future__ import annotations

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

import shared.gcp.raw_firestore
import shared.gcp.sync_tasks
from localcloud.clock import from_us
from localcloud.firestore.engine import Engine
from localcloud.firestore.in_process import InProcessChannel, in_process_client
from localcloud.firestore.messages import Document, Message
from shared.domain.consents import Consent
from shared.domain.errors import TokError
from shared.domain.ids import derived_id
from shared.gcp import paths
from shared.gcp.account_store import AccountStore
from shared.gcp.consent_store import ConsentStore
from shared.gcp.envelope import KmsTokenVault
from shared.gcp.oauth_state_store import OAuthStateStore
from shared.gcp.raw_firestore import RawFirestore
from shared.gcp.sync_store import FirestoreSyncStore
from shared.gcp.sync_tasks import CloudSyncTasks
from shared.gcp.transaction_pages import FirestoreTransactionPages
from shared.settings import TaskSettings
from shared.use_cases.complete_consent import Callback, complete_consent
from shared.use_cases.dispatch_sync import dispatch_sync
from shared.use_cases.revoke_consent import revoke_consent
from shared.use_cases.start_consent import StartConsent, start_consent
from shared.use_cases.sync_consent import sync_consent
from tests.simulation.faults import Gate, Log, Weather
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
)
from tests.simulation.keys import KEY_NAME, InProcessKms
from tests.simulation.model_bank import BANK_ID, ISSUER, SECRET, ModelBank
from tests.simulation.virtual_queue import VirtualQueue, VirtualTask

START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
_PROJECT, _DATABASE = "sim", "sandbox"
_DATABASE_NAME = f"projects/{_PROJECT}/databases/{_DATABASE}"
_SYNC_URL = "https://sync.example"
_PKCE_KEY = b"k" * 32
_TICK_US = 5 * MINUTE
_PSU_GIVES_UP_US = 20 * MINUTE


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    at: datetime
    text: str


@dataclass
class Connection:
    """A consent as the client that asked for it knows it."""

    consent_id: str
    revoked: bool = False


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
        self.weather = Weather(rng)
        self.gate = Gate(self.kernel, self.weather, random.Random(rng.random()), self.log)
        self.stormy_us = rng.randrange(2, 6) * DAY
        self.calm_from_us = self.kernel.now_us + self.stormy_us
        self.end_us = self.calm_from_us + 3 * DAY
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
            handle=self._sync,
            complain=self.complain,
        )
        self.rng = random.Random(rng.random())
        self.on_synced: Callable[[], None] = lambda: None
        """Called after each sync; whoever checks replaces it."""
        self.organisation_id = derived_id("org", str(seed))
        self.connections: list[Connection] = []
        self.engine = Engine(clock=lambda: self.kernel.now_us * 1_000, sink=self._stored)
        self.channel = InProcessChannel(self.engine, around=self._store_call)
        data = in_process_client(self.channel, project=_PROJECT, database=_DATABASE)
        self.clock = SimulatedClock(self.kernel)
        self.banks = GatedBanks(self.bank, self.gate)
        self.consents = ConsentStore(data)
        self.states = OAuthStateStore(data)
        self.store = FirestoreSyncStore(data)
        self.accounts = AccountStore(data)
        self.vault = KmsTokenVault(
            key_name=KEY_NAME, environment="sandbox", client=lambda: InProcessKms(self.gate)
        )
        self.tasks = CloudSyncTasks(
            TaskSettings(
                sync_queue="projects/sim/locations/europe-west3/queues/sync",
                sync_consent_url=_SYNC_URL,
                service_account="tasks@sim.example",
            )
        )
        with self.in_place():
            self.pages = FirestoreTransactionPages(RawFirestore(project=_PROJECT, database=_DATABASE))

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
            stack.enter_context(mock.patch.object(shared.gcp.sync_tasks, "tasks_client", self._queue_client))
            stack.enter_context(
                mock.patch.object(shared.gcp.raw_firestore, "firestore_channel", self._channel)
            )
            yield

    def _queue_client(self) -> VirtualQueue:
        return self.queue

    def _channel(self) -> InProcessChannel:
        return self.channel

    def _store_call(self, name: str, _request: Message, run: Callable[[], Any]) -> Any:
        return self.gate.pass_through("store", name, run)

    def _stored(self, changes: Mapping[str, Document | None]) -> None:
        self.counts["documents written"] += len(changes)
        mark = SECRET.encode()
        for name, document in changes.items():
            if document is not None and mark in document.SerializeToString():
                self.complain("leak", f"a token in {name.removeprefix(_DATABASE_NAME)}")

    def run(self) -> None:
        """The storm, and then the calm in which everything must come right."""
        with self.in_place():
            self._plan()
            self.kernel.run_until(self.calm_from_us)
            self.weather.calm()
            self.kernel.run_until(self.end_us)

    def _plan(self) -> None:
        kernel, rng = self.kernel, self.rng
        kernel.at(kernel.now_us + SECOND, self.connect)
        kernel.at(kernel.now_us + _TICK_US, self._tick)
        if rng.random() < 0.4:
            kernel.at(kernel.now_us + int(rng.random() * self.stormy_us), self.connect)
        if rng.random() < 0.25:
            kernel.at(kernel.now_us + int(rng.random() * self.stormy_us), self._client_revokes)
        if rng.random() < 0.15:
            kernel.at(kernel.now_us + int(rng.random() * self.stormy_us), self._psu_revokes)
        if rng.random() < 0.15:
            self.bank.valid_us = int(self.stormy_us * (0.2 + 0.6 * rng.random()))

    def connect(self) -> None:
        """A client starts a consent, and its PSU goes through with it; until it holds or the calm is over."""
        connection = Connection(
            derived_id("con", str(self.seed), str(len(self.connections)), on=self.kernel.now().date())
        )
        self.connections.append(connection)
        if self.kernel.now_us >= self.calm_from_us:
            self.bank.valid_us = 90 * DAY
        request = StartConsent(
            organisation_id=self.organisation_id,
            consent_id=connection.consent_id,
            bank_id=BANK_ID,
            callback_url="https://client.example/cb",
            client_state=None,
            psu_ip_address="192.0.2.7",
        )

        def start() -> None:
            start_consent(
                request,
                redirect_uri="https://api.example/v1/callback",
                pkce_key=_PKCE_KEY,
                banks=self.banks,
                consents=self.consents,
                states=self.states,
                clock=self.clock,
            )
            grant = list(self.bank.grants.values())[-1]
            callback = Callback(
                state=grant.oauth_state,
                code=f"code-{grant.bank_consent_id}",
                error=None,
                issuer=ISSUER,
            )
            for _ in range(1 + (self.rng.random() < self.weather.duplicates)):
                back_us = self.kernel.now_us + self.rng.randrange(SECOND, 2 * MINUTE)
                self.kernel.at(back_us, lambda: self._worker("callback", lambda: self._complete(callback)))

        self._worker("start", start)
        self.kernel.at(self.kernel.now_us + _PSU_GIVES_UP_US, lambda: self._connect_again(connection))

    def _connect_again(self, connection: Connection) -> None:
        consent = self.consent(connection)
        if connection.revoked or (consent is not None and consent.status == "active"):
            return
        if self.kernel.now_us < self.calm_from_us + DAY:
            self.connect()

    def _complete(self, callback: Callback) -> None:
        complete_consent(
            callback,
            redirect_uri="https://api.example/v1/callback",
            pkce_key=_PKCE_KEY,
            banks=self.banks,
            consents=self.consents,
            states=self.states,
            vault=self.vault,
            tasks=self.tasks,
            clock=self.clock,
        )

    def _client_revokes(self) -> None:
        connection = self.rng.choice(self.connections)
        connection.revoked = True

        def revoke() -> None:
            revoke_consent(
                self.organisation_id,
                connection.consent_id,
                banks=self.banks,
                consents=self.consents,
                vault=self.vault,
                clock=self.clock,
            )

        self._worker("revoke", revoke)
        if self.rng.random() < 0.7:
            self.kernel.at(self.kernel.now_us + HOUR, self.connect)

    def _psu_revokes(self) -> None:
        grant = self.rng.choice(list(self.bank.grants.values()))
        grant.state = "revoked"
        if self.rng.random() < 0.7:
            self.kernel.at(self.kernel.now_us + self.rng.randrange(HOUR, DAY), self.connect)

    def _tick(self) -> None:
        """The Scheduler's. One that would find nothing is left out: it is a query and nothing else."""
        self.kernel.at(self.kernel.now_us + _TICK_US, self._tick)
        if self.rng.random() < self.weather.missed_ticks or not self._is_anything_due():
            return
        scheduled_at = from_us(self.kernel.now_us - self.kernel.now_us % _TICK_US)
        for _ in range(1 + (self.rng.random() < self.weather.duplicates)):
            self.counts["ticks"] += 1
            self._worker(
                "tick",
                lambda: dispatch_sync(
                    scheduled_at, consents=self.consents, tasks=self.tasks, clock=self.clock
                ),
            )

    def _is_anything_due(self) -> bool:
        soon = self.kernel.now_us + MINUTE
        stored = self.engine.database(_DATABASE_NAME)
        for connection in self.connections:
            path = paths.consent(self.organisation_id, connection.consent_id)
            document = stored.get(f"{_DATABASE_NAME}/documents/{path}")
            due = document.fields["nextSyncAt"] if document is not None else None
            at_us = due.timestamp_value.ToMicroseconds() if due is not None else 0
            if 0 < at_us <= soon:
                return True
        return False

    def _worker(self, name: str, act: Callable[[], object]) -> None:
        skew_us = self.rng.randint(-self.weather.skew_us, self.weather.skew_us)

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
                self.check_expected(error)
            self.log.add(self.kernel.now_us, name, outcome)

        self.counts[name] += 1
        self.kernel.start(run, name=f"{name}-{self.counts[name]}", skew_us=skew_us)

    def _sync(self, task: VirtualTask) -> None:
        body = msgspec.json.decode(task.body)
        try:
            outcome = sync_consent(
                body["organisationId"],
                body["consentId"],
                task=task.name,
                banks=self.banks,
                consents=self.consents,
                store=self.store,
                vault=self.vault,
                tasks=self.tasks,
                clock=self.clock,
            )
        except Exception as error:
            self.check_expected(error)
            raise
        self.counts[f"sync {outcome}"] += 1
        self.log.add(self.kernel.now_us, task.name, outcome)
        if outcome == "synced":
            # Looked at from outside: whoever checks meets no faults and takes no time.
            self.kernel.at(self.kernel.now_us, self.on_synced)

    def check_expected(self, error: Exception) -> None:
        """A fault of the weather may come out; anything else is the product's own mistake."""
        if SECRET in str(error):
            self.complain("leak", f"a token in {type(error).__name__}")
        if type(error).__name__ not in _EXPECTED:
            self.complain("error", f"{type(error).__name__}: {error}")

    def consent(self, connection: Connection) -> Consent | None:
        stored = self.consents.find(self.organisation_id, connection.consent_id)
        return stored.consent if stored else None


_EXPECTED = {"DeadlineExceeded", "ServiceUnavailable", "RetryError", "_InactiveRpcError", "RpcFailure"}
