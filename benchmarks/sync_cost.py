"""What a sync costs: documents read and written, KMS and bank calls, and what ten times the consents cost.

Counts are exact and the same on every machine. The engine is in process, so CPU is that of the product, Google's client
library and the local engine together; only the ratio of two sides of one run means anything.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from benchmarks.steady_bank import BANK_ID, SteadyBank
from localcloud.firestore.engine import Engine
from localcloud.firestore.in_process import InProcessChannel, in_process_client
from localcloud.firestore.messages import Message
from shared.domain.bank_data import BankTokens
from shared.domain.consent_changes import activated
from shared.domain.consents import SHARDS, Consent
from shared.domain.ids import derived_id
from shared.gcp.bank_health_store import BankHealthStore
from shared.gcp.consent_store import ConsentStore
from shared.gcp.sync_store import FirestoreSyncStore
from shared.use_cases.dispatch_shard import dispatch_shard
from shared.use_cases.dispatch_sync import dispatch_sync
from shared.use_cases.ports import SealedTokens, SyncTask
from shared.use_cases.sync_consent import sync_consent

SMALL_BYTES = 8_192
GROWTH_GOAL = 10.5
_START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
_FEW, _TIMES = 20, 10
USUAL_TOKEN_LIFE = timedelta(hours=1)
"""Shorter than the time between two syncs: each has to have a new access token."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Of a piece of work, in counts."""

    document_reads: int
    """As Firestore bills them: a query that finds nothing is one."""
    document_writes: int
    documents_written: int
    """Distinct ones, the banks' health with them."""
    bank_notes: int
    """Writes of the banks' health."""
    page_writes: int
    largest_write_bytes: int
    calls: int
    """Round trips to Firestore."""
    kms_calls: int
    bank_calls: int
    tasks: int
    cpu_seconds: float

    @property
    def work(self) -> int:
        """Everything that is counted, as one figure."""
        return (
            self.document_reads
            + self.document_writes
            + self.calls
            + self.kms_calls
            + self.bank_calls
            + self.tasks
        )


class Meter:
    """Between the client and the engine."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.written: set[str] = set()
        self.largest_write_bytes = 0

    def around(self, name: str, request: Message, run: Callable[[], Any]) -> Any:
        answer = run()
        self.counts["calls"] += 1
        if name == "BatchGetDocuments":
            self.counts["reads"] += len(request.documents)
        elif name == "RunQuery":
            self.counts["reads"] += len(answer)
        elif name == "Commit":
            for write in request.writes:
                self._written(write)
        else:
            raise AssertionError(f"{name} is not counted yet")
        return answer

    def _written(self, write: Message) -> None:
        path = write.update.name or write.delete
        self.counts["writes"] += 1
        if "/documents/banks/" in path:
            self.counts["notes"] += 1
        self.written.add(path)
        self.largest_write_bytes = max(self.largest_write_bytes, write.ByteSize())
        if "/pages/" in path:
            self.counts["pages"] += 1


class CountingVault:
    """Binds nothing and hides nothing: one seal or open is one KMS call of the real one (tests/unit/gcp)."""

    def __init__(self) -> None:
        self.calls = 0

    def seal(self, tokens: BankTokens, *, organisation_id: str, consent_id: str) -> SealedTokens:
        self.calls += 1
        return SealedTokens(format=1, wrapped_key=b"", nonce=b"", ciphertext=msgspec.json.encode(tokens))

    def open(self, sealed: SealedTokens, *, organisation_id: str, consent_id: str) -> BankTokens:
        self.calls += 1
        return msgspec.json.decode(sealed.ciphertext, type=BankTokens)


class MovableClock:
    def __init__(self) -> None:
        self.at = _START

    def now(self) -> datetime:
        return self.at


class Setting:
    """`consents` active consents at one bank, each to `accounts` with `days` of history."""

    def __init__(
        self,
        *,
        consents: int,
        transactions_per_day: int = 4,
        days: int = 60,
        accounts: int = 1,
        token_life: timedelta = timedelta(days=365),
    ) -> None:
        self.clock = MovableClock()
        self.meter = Meter()
        self.vault = CountingVault()
        self.tasks: dict[str, tuple[str, str]] = {}
        self.shards: list[int] = []
        self.bank = SteadyBank(
            self.clock,
            transactions_per_day=transactions_per_day,
            days=days,
            accounts=accounts,
            token_life=token_life,
        )
        engine = Engine(clock=lambda: int(self.clock.at.timestamp() * 1_000_000) * 1_000)
        channel = InProcessChannel(engine, around=self.meter.around)
        data = in_process_client(channel, project="benchmark", database="sandbox")
        self.consents = ConsentStore(data)
        self.store = FirestoreSyncStore(data)
        self.healths = BankHealthStore(data, "live")
        for number in range(consents):
            self._activate(number)

    def enqueue(self, organisation_id: str, consent_id: str, *, window: str, not_before: datetime) -> None:
        self.tasks.setdefault(f"{consent_id}-{window}", (organisation_id, consent_id))

    def enqueue_many(self, tasks: Sequence[SyncTask]) -> None:
        for task in tasks:
            self.enqueue(
                task.organisation_id, task.consent_id, window=task.window, not_before=task.not_before
            )

    def enqueue_shard(self, shard: int, *, scheduled_at: datetime, not_before: datetime) -> None:
        self.shards.append(shard)

    def measure(self, act: Callable[[], object]) -> Cost:
        self.meter.counts.clear()
        self.meter.written.clear()
        self.meter.largest_write_bytes = self.vault.calls = 0
        self.bank.calls.clear()
        self.shards.clear()
        tasks = len(self.tasks)
        started = time.process_time()
        act()
        cpu = time.process_time() - started
        counts = self.meter.counts
        return Cost(
            document_reads=counts["reads"],
            document_writes=counts["writes"],
            documents_written=len(self.meter.written),
            bank_notes=counts["notes"],
            page_writes=counts["pages"],
            largest_write_bytes=self.meter.largest_write_bytes,
            calls=counts["calls"],
            kms_calls=self.vault.calls,
            bank_calls=self.bank.calls.total(),
            tasks=len(self.tasks) - tasks + len(self.shards),
            cpu_seconds=cpu,
        )

    def wait(self) -> None:
        """Until every consent is due again."""
        due = [
            due.due_at
            for shard in range(SHARDS)
            for due in self.consents.due(shard=shard, at=self.clock.at + timedelta(days=3), page_size=300)
        ]
        self.clock.at = datetime.fromtimestamp(max(due).timestamp(), UTC) + timedelta(minutes=1)

    def dispatch_and_sync(self, *, apart: timedelta = timedelta()) -> None:
        """A tick, and every task that came of it, each so long after the one before."""
        before = set(self.tasks)
        dispatch_sync(self.clock.at, tasks=self, clock=self.clock)
        for shard in list(self.shards):
            dispatch_shard(shard, consents=self.consents, tasks=self, clock=self.clock)
        for name in [name for name in self.tasks if name not in before]:
            outcome = sync_consent(
                *self.tasks[name],
                task=name,
                banks=self.bank,
                consents=self.consents,
                store=self.store,
                vault=self.vault,
                tasks=self,
                healths=self.healths,
                clock=self.clock,
            )
            if outcome != "synced":
                raise AssertionError(f"{name}: {outcome}")
            self.clock.at += apart

    def _activate(self, number: int) -> None:
        organisation_id = derived_id("org", str(number))
        consent = Consent(
            id=derived_id("con", str(number), on=_START.date()),
            organisation_id=organisation_id,
            bank_id=BANK_ID,
            bank_name="Steady banka",
            country="HR",
            status="pending",
            callback_url="https://client.example/cb",
            client_state=None,
            bank_consent_id=f"bank-consent-{number}",
            created_at=_START,
            expires_at=_START + timedelta(days=90),
        )
        self.consents.create(consent)
        stored = self.consents.find(organisation_id, consent.id)
        assert stored is not None
        sealed = self.vault.seal(self.bank.tokens(), organisation_id=organisation_id, consent_id=consent.id)
        active = activated(consent, at=_START, expires_at=consent.expires_at)
        self.consents.save(active, replacing=stored, tokens=sealed, at=_START)


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """Of all consents together, each with its tick."""

    first: Cost
    """With the whole history."""
    unchanged: Cost
    """The next one, when nothing has changed."""
    idle: Cost
    """A tick when nothing is due."""

    def growth_to(self, many: Costs) -> tuple[float, float]:
        """(first sync, unchanged resync): how many times the work `many` is, what every tick costs left out."""
        return (
            (many.first.work - many.idle.work) / (self.first.work - self.idle.work),
            (many.unchanged.work - many.idle.work) / (self.unchanged.work - self.idle.work),
        )


def costs(*, consents: int, accounts: int = 1, token_life: timedelta = timedelta(days=365)) -> Costs:
    setting = Setting(consents=consents, accounts=accounts, token_life=token_life)
    first = setting.measure(setting.dispatch_and_sync)
    idle = setting.measure(setting.dispatch_and_sync)
    setting.wait()
    return Costs(first=first, unchanged=setting.measure(setting.dispatch_and_sync), idle=idle)


class HealthNotes(msgspec.Struct, frozen=True, kw_only=True):
    """Writes of one bank's health by syncs a minute apart."""

    syncs: int
    with_news: int
    """Every one finds something new."""
    without: int


def health_notes(*, syncs: int) -> HealthNotes:
    setting = Setting(consents=syncs, transactions_per_day=1, days=10)
    news = setting.measure(lambda: setting.dispatch_and_sync(apart=timedelta(minutes=1)))
    setting.wait()
    quiet = setting.measure(lambda: setting.dispatch_and_sync(apart=timedelta(minutes=1)))
    return HealthNotes(syncs=syncs, with_news=news.bank_notes, without=quiet.bank_notes)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sync_cost", description=__doc__)
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a goal is missed")
    arguments = parser.parse_args()
    one = costs(consents=1).unchanged
    missed = 0
    for text, figure, met, goal in (
        ("pages written by an unchanged resync", one.page_writes, one.page_writes == 0, "0"),
        ("documents written by it", one.documents_written, one.documents_written <= 2, "<= 2"),
        ("of these, notes of the bank's health", one.bank_notes, one.bank_notes == 0, "0"),
        ("bytes of the largest", one.largest_write_bytes, one.largest_write_bytes < SMALL_BYTES, "small"),
        ("KMS calls of it", one.kms_calls, one.kms_calls <= 1, "<= 1"),
    ):
        missed += not met
        print(f"{'PASS' if met else 'MISS'}  {text:<44} {figure:8}  {goal}")
    few, many = costs(consents=_FEW), costs(consents=_FEW * _TIMES)
    cpu = many.unchanged.cpu_seconds / few.unchanged.cpu_seconds
    for text, grown in zip(("first sync", "unchanged resync"), few.growth_to(many), strict=True):
        missed += grown > GROWTH_GOAL
        verdict = "PASS" if grown <= GROWTH_GOAL else "MISS"
        print(f"{verdict}  {_TIMES} x the consents, counted work, {text:<16} {grown:8.2f}  <= {GROWTH_GOAL}")
    print(f"      CPU of {_TIMES} x the unchanged resyncs, side by side: {cpu:.2f} x")
    print(f"      a tick that finds nothing: {_figures(many.idle)}")
    print(f"      one unchanged resync: {_figures(many.unchanged, less=many.idle, of=_FEW * _TIMES)}")
    print(f"      one first sync: {_figures(many.first, less=many.idle, of=_FEW * _TIMES)}")
    usual = costs(consents=_FEW, accounts=2, token_life=USUAL_TOKEN_LIFE)
    print(f"      two accounts and a new token: {_figures(usual.unchanged, less=usual.idle, of=_FEW)}")
    print(f"      their first sync: {_figures(usual.first, less=usual.idle, of=_FEW)}")
    notes = health_notes(syncs=60)
    print(
        f"      the bank's health, one document for all who read it, in {notes.syncs} syncs a minute apart: written "
        f"{notes.with_news} times where each has news (one in 5 minutes), {notes.without} where none has (one a day)"
    )
    return 1 if arguments.strict and missed else 0


def _figures(cost: Cost, *, less: Cost | None = None, of: int = 1) -> str:
    names = ("document_reads", "document_writes", "calls", "kms_calls", "bank_calls", "tasks")
    return ", ".join(
        f"{(getattr(cost, name) - (getattr(less, name) if less else 0)) / of:.2f} {name.replace('_', ' ')}"
        for name in names
    )


if __name__ == "__main__":
    sys.exit(main())
