"""The engine: databases in memory, atomic commits, transactions. No threads, no network, no files of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from localcloud.firestore.database import Database
from localcloud.firestore.errors import aborted, invalid, unimplemented
from localcloud.firestore.executor import run_query
from localcloud.firestore.history import History, rolled_back
from localcloud.firestore.indexes import DeclaredIndexes
from localcloud.firestore.messages import Document, Message, Write, WriteResult
from localcloud.firestore.names import check_document_name, check_parent, database_of
from localcloud.firestore.query import Query
from localcloud.firestore.scope import Stored
from localcloud.firestore.transactions import Transaction, Transactions
from localcloud.firestore.values import timestamp_ns
from localcloud.firestore.writes import apply_write, check_sequence, write_name

_MICROSECOND_NS = 1000


def _forget(changes: Mapping[str, Document | None]) -> None:
    """The sink of an engine that lives in memory only."""


class Engine:
    """Each call does everything or, on an error, nothing; MustWait means: the same call again, later.

    `clock` gives nanoseconds since 1970. `sink` makes a commit's changes durable before anyone sees them: documents by
    name, None for the deleted. `indexes` refuse a query that none of them serves; None serves all. Documents handed out
    are the stored ones and must not be changed.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], int] = time.time_ns,
        sink: Callable[[Mapping[str, Document | None]], None] = _forget,
        indexes: DeclaredIndexes | None = None,
    ) -> None:
        self.transactions = Transactions()
        self._clock = clock
        self._sink = sink
        self._indexes = indexes
        self._databases: dict[str, Database] = {}
        self._history = History()
        self._last_commit_ns = 0

    def load(self, documents: Iterable[Document]) -> None:
        """Take in what an earlier run stored."""
        for document in documents:
            self.database(database_of(document.name)).put(document.name, document)
            self._last_commit_ns = max(self._last_commit_ns, timestamp_ns(document.update_time))

    def now_ns(self) -> int:
        """The clock, in whole microseconds, never before the last commit."""
        return max(self._clock() // _MICROSECOND_NS * _MICROSECOND_NS, self._last_commit_ns)

    def database(self, name: str) -> Database:
        """A database comes into being when it is first named."""
        database = self._databases.get(name)
        if database is None:
            database = self._databases[name] = Database()
        return database

    def begin(self, database: str, options: Message) -> Transaction:
        """Begin a transaction."""
        if options.HasField("read_only") and options.read_only.HasField("read_time"):
            raise unimplemented("read_time: reads of the past are not served here.")
        return self.transactions.begin(
            database_of(database), options, now_ns=self.now_ns(), snapshot_ns=self._last_commit_ns
        )

    def transaction(self, transaction_id: bytes, database: str) -> Transaction:
        """The open transaction with the id."""
        return self.transactions.get(transaction_id, database=database, now_ns=self.now_ns())

    def get(self, names: Sequence[str], transaction: Transaction | None = None) -> list[Document | None]:
        """The documents, in the order of their names given; None for a missing one."""
        for name in names:
            check_document_name(name)
        if transaction is not None:
            self.transactions.hold(transaction, names)
        found = [self._view(database_of(name), transaction).get(name) for name in names]
        if transaction is not None and not transaction.is_read_only:
            for name, document in zip(names, found, strict=True):
                seen = None if document is None else timestamp_ns(document.update_time)
                transaction.reads.setdefault(name, seen)
        return found

    def run(self, query: Query, transaction: Transaction | None = None) -> list[Stored]:
        """The query's documents; in a transaction they are locked, and the whole result is checked at commit."""
        if self._indexes is not None:
            self._indexes.check(query)
        found = run_query(self._view(check_parent(query.parent), transaction), query)
        if transaction is not None and not transaction.is_read_only:
            self.transactions.hold(transaction, [stored.name for stored in found])
            transaction.queries.append((query, _fingerprint(found)))
            for stored in found:
                transaction.reads.setdefault(stored.name, stored.update_ns)
        return found

    def commit(
        self, database: str, writes: Sequence[Write], transaction: Transaction | None = None
    ) -> tuple[int, list[WriteResult]]:
        """Apply all writes or none; answers the commit time in nanoseconds and a result for each write."""
        names = [write_name(write) for write in writes]
        for name in names:
            if check_document_name(name) != database:
                raise invalid(f"Document {name} is not in {database}.")
        check_sequence(names, writes)
        self.transactions.expire(self.now_ns())
        if transaction is None:
            self.transactions.check_free(names)
            return self._apply(database, names, writes)
        if transaction.is_read_only and writes:
            raise invalid("Cannot modify entities in a read-only transaction.")
        self.transactions.hold(transaction, names)
        self.transactions.await_winners(transaction)
        try:
            self._check_reads(transaction)
            return self._apply(database, names, writes)
        finally:
            self.transactions.finish(transaction)

    def _apply(
        self, database_name: str, names: Sequence[str], writes: Sequence[Write]
    ) -> tuple[int, list[WriteResult]]:
        database = self.database(database_name)
        commit_ns = max(self.now_ns(), self._last_commit_ns + _MICROSECOND_NS)
        staged: dict[str, Document | None] = {}
        results: list[WriteResult] = []
        for name, write in zip(names, writes, strict=True):
            current = staged[name] if name in staged else database.get(name)
            outcome = apply_write(write, name=name, current=current, commit_ns=commit_ns)
            staged[name] = outcome.document
            results.append(outcome.result)
        changes = {name: new for name, new in staged.items() if not _is_same(database.get(name), new)}
        if changes:
            self._sink(changes)
        self._last_commit_ns = commit_ns
        if self.transactions.has_read_only():
            replaced = {name: database.documents.get(name) for name in changes}
            self._history.record(commit_ns=commit_ns, database=database_name, replaced=replaced)
        else:
            self._history.forget()
        for name, document in changes.items():
            database.put(name, document)
        return commit_ns, results

    def _view(self, database_name: str, transaction: Transaction | None) -> Database:
        """The database as the transaction may see it."""
        current = self.database(database_name)
        if transaction is None or not transaction.is_read_only:
            return current
        if transaction.snapshot is None:
            later = self._history.since(transaction.snapshot_ns, database_name)
            if not later:
                return current
            transaction.snapshot = rolled_back(current, later)
        return transaction.snapshot

    def _check_reads(self, transaction: Transaction) -> None:
        if transaction.is_wounded:
            raise aborted(
                "Too much contention on these documents: another transaction went first. Please try again."
            )
        database = self.database(transaction.database)
        for name, seen_ns in transaction.reads.items():
            stored = database.documents.get(name)
            if (None if stored is None else stored.update_ns) != seen_ns:
                raise aborted(f"Too much contention on {name}. Please try again.")
        for query, seen in transaction.queries:
            if _fingerprint(run_query(database, query)) != seen:
                raise aborted(
                    "Too much contention: a query of the transaction has a new result. Please try again."
                )


def _is_same(old: Document | None, new: Document | None) -> bool:
    """Whether several writes together changed nothing; the stored document then keeps its update time."""
    if old is None or new is None:
        return old is new
    return old is new or bool(old.fields == new.fields)


def _fingerprint(found: Iterable[Stored]) -> list[tuple[str, int]]:
    return [(stored.name, stored.update_ns) for stored in found]
