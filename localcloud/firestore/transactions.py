"""Transactions: exclusive locks on the documents read, queues for them, and a last check at commit.

Those that wait in a circle lose one of them. The loser goes on reading without locks and is refused at Commit, because
client libraries retry ABORTED from Commit only, and five times at most; so who has lost more often wins the next
time, and among equals the older.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

from localcloud.firestore.database import Database
from localcloud.firestore.errors import MustWait, invalid
from localcloud.firestore.messages import Message
from localcloud.firestore.query import Query

EXPIRY_SECONDS = 270
LOCK_TIMEOUT_SECONDS = 20
_NS = 10**9
_LOSSES_KEPT = 10_000


@dataclass(slots=True, eq=False)
class Transaction:
    """`age` is the number of the first attempt: smaller is older; `reads` maps names to update times seen.

    A read-only one sees the commits up to `snapshot_ns`; `snapshot` is that state, once later commits made it differ.
    """

    id: bytes
    number: int
    database: str
    is_read_only: bool
    age: int
    started_ns: int
    used_ns: int
    snapshot_ns: int
    snapshot: Database | None = None
    reads: dict[str, int | None] = field(default_factory=dict)
    queries: list[tuple[Query, list[tuple[str, int]]]] = field(default_factory=list)
    held: set[str] = field(default_factory=set)
    waits_for: set[str] = field(default_factory=set)
    winners: set[Transaction] = field(default_factory=set)
    is_wounded: bool = False


class Transactions:
    """All open transactions and the locks that they hold."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._open: dict[bytes, Transaction] = {}
        self._locks: dict[str, Transaction] = {}
        self._waiting: dict[str, set[Transaction]] = {}
        self._losses: dict[int, int] = {}
        self.releases = 0
        """Rises whenever a call that waits may have become able to go on."""

    def begin(self, database: str, options: Message, *, now_ns: int, snapshot_ns: int) -> Transaction:
        """A new transaction; one that retries another keeps its age."""
        self.expire(now_ns)
        number = next(self._numbers)
        age = number
        if options.HasField("read_write") and options.read_write.retry_transaction:
            # The age travels in the id, so that every attempt after the first still knows it.
            age = _age_of(options.read_write.retry_transaction)
        transaction = Transaction(
            id=b"%d-%d" % (number, age),
            number=number,
            database=database,
            is_read_only=options.HasField("read_only"),
            age=age,
            started_ns=now_ns,
            used_ns=now_ns,
            snapshot_ns=snapshot_ns,
        )
        self._open[transaction.id] = transaction
        return transaction

    def get(self, transaction_id: bytes, *, database: str, now_ns: int) -> Transaction:
        """The open transaction; refuses one that was committed, rolled back, expired or never begun."""
        self.expire(now_ns)
        transaction = self._open.get(transaction_id)
        if transaction is None or transaction.database != database:
            raise invalid("The referenced transaction has expired or is no longer valid.")
        transaction.used_ns = now_ns
        return transaction

    def find(self, transaction_id: bytes) -> Transaction | None:
        """The transaction if it is still open."""
        return self._open.get(transaction_id)

    def has_read_only(self) -> bool:
        """Whether a read-only transaction is under way."""
        return any(transaction.is_read_only for transaction in self._open.values())

    def finish(self, transaction: Transaction) -> None:
        """Forget the transaction and let its documents go."""
        self._open.pop(transaction.id, None)
        self.releases += 1
        if not transaction.is_wounded:
            self._losses.pop(transaction.age, None)
        self.stop_waiting(transaction)
        self._let_go(transaction)

    def hold(self, transaction: Transaction, names: Iterable[str]) -> None:
        """Lock the documents; raises MustWait where another transaction holds one or is before us in its queue."""
        if transaction.is_read_only:
            return
        for name in sorted(names):
            while not transaction.is_wounded and not self._take(transaction, name):
                transaction.waits_for.add(name)
                self._waiting.setdefault(name, set()).add(transaction)
                circle = self._circle(transaction)
                if not circle:
                    raise MustWait(name, transaction)
                loser = max(circle, key=self._rank)
                loser.winners.update(other for other in circle if other is not loser)
                self._wound(loser)
        self.stop_waiting(transaction)

    def await_winners(self, transaction: Transaction) -> None:
        """Keep a loser from trying again while those that it lost to are still at it: it would only lose again."""
        if any(winner.id in self._open for winner in transaction.winners):
            raise MustWait("", transaction)

    def _take(self, transaction: Transaction, name: str) -> bool:
        holder = self._locks.get(name)
        if holder is None:
            rank = self._rank(transaction)
            if any(self._rank(other) < rank for other in self._waiting.get(name, ())):
                return False
            self._locks[name] = transaction
            transaction.held.add(name)
            return True
        return holder is transaction

    def _rank(self, transaction: Transaction) -> tuple[int, int, int]:
        """The smaller goes first."""
        return -self._losses.get(transaction.age, 0), transaction.age, transaction.number

    def _circle(self, start: Transaction) -> list[Transaction]:
        """The transactions that wait for each other's documents in a circle through this one, if there is one."""
        paths = [[start]]
        seen = {start}
        while paths:
            path = paths.pop()
            for name in path[-1].waits_for:
                holder = self._locks.get(name)
                if holder is start:
                    return path
                if holder is not None and holder not in seen:
                    seen.add(holder)
                    paths.append([*path, holder])
        return []

    def check_free(self, names: Iterable[str]) -> None:
        """A write outside transactions waits for those that hold its documents."""
        for name in names:
            if name in self._locks:
                raise MustWait(name, None)

    def stop_waiting(self, transaction: Transaction) -> None:
        """The transaction no longer stands in any queue."""
        if transaction.waits_for:
            self.releases += 1
        for name in transaction.waits_for:
            self._waiting[name].discard(transaction)
            if not self._waiting[name]:
                del self._waiting[name]
        transaction.waits_for.clear()

    def time_out(self, wait: MustWait, *, now_ns: int) -> bool:
        """End a wait that took too long; answers whether the same call may now go on.

        A holder idle for as long as the wait (its client died) loses its locks; otherwise it is the waiter that loses.
        """
        holder = self._locks.get(wait.name)
        if holder is not None and now_ns - holder.used_ns >= LOCK_TIMEOUT_SECONDS * _NS:
            self._wound(holder)
            return True
        if isinstance(wait.transaction, Transaction):
            wait.transaction.winners.clear()
            self._wound(wait.transaction)
            return True
        return False

    def _wound(self, transaction: Transaction) -> None:
        transaction.is_wounded = True
        self.releases += 1
        self._losses[transaction.age] = self._losses.get(transaction.age, 0) + 1
        if len(self._losses) > _LOSSES_KEPT:
            del self._losses[next(iter(self._losses))]
        self.stop_waiting(transaction)
        self._let_go(transaction)

    def _let_go(self, transaction: Transaction) -> None:
        for name in transaction.held:
            del self._locks[name]
        transaction.held.clear()

    def expire(self, now_ns: int) -> None:
        """End the transactions that are too old."""
        while self._open:
            oldest = next(iter(self._open.values()))
            if now_ns - oldest.started_ns < EXPIRY_SECONDS * _NS:
                return
            self.finish(oldest)


def _age_of(transaction_id: bytes) -> int:
    try:
        return int(transaction_id.partition(b"-")[2])
    except ValueError:
        raise invalid("The retry_transaction was never begun.") from None
