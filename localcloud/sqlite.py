"""SQLite as the local servers keep their state: one process, one connection, durable at commit."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def open_database(path: Path, *, schema: str) -> sqlite3.Connection:
    """Open or create `path` (mode 0600) and apply `schema` (idempotent statements).

    A commit reaches the operating system before it returns, so it outlives kill -9 of this process. The exclusive
    lock ends with the process; a second server on the same folder gets sqlite3.OperationalError after 5 s.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    database = sqlite3.connect(path, isolation_level=None, timeout=5, check_same_thread=False)
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("PRAGMA secure_delete = ON")  # destroyed key material is overwritten, not only unlinked
    database.executescript(schema)
    return database


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """All or nothing. Within another transaction it is a part of that one, which may fail alone."""
    nested = database.in_transaction
    database.execute("SAVEPOINT part" if nested else "BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK TO part" if nested else "ROLLBACK")
        raise
    finally:
        if nested:
            database.execute("RELEASE part")
    if not nested:
        database.execute("COMMIT")
