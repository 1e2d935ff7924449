"""Documents in SQLite: one SQL transaction for each commit, on disk before the commit is answered."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

from localcloud.firestore.messages import Document

_FILE = "firestore.sqlite3"
_WAL_PAGES_MAX = 4000


class Storage:
    """Opened by one process at a time: a second one is refused while the first lives."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # The server's own calls are serialised; only the thread may differ.
        self._connection = sqlite3.connect(
            folder / _FILE, isolation_level=None, check_same_thread=False, timeout=2
        )
        for pragma in (
            "locking_mode = EXCLUSIVE",
            "journal_mode = WAL",
            "synchronous = NORMAL",
            f"wal_autocheckpoint = {_WAL_PAGES_MAX}",
        ):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS documents (name TEXT NOT NULL UNIQUE, body BLOB NOT NULL)"
        )

    def load(self) -> Iterator[Document]:
        """Every stored document."""
        for (body,) in self._connection.execute("SELECT body FROM documents ORDER BY name"):
            yield Document.FromString(body)

    def save(self, changes: Mapping[str, Document | None]) -> None:
        """Store all changes or none; None deletes."""
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            for name, document in changes.items():
                if document is None:
                    connection.execute("DELETE FROM documents WHERE name = ?", (name,))
                else:
                    connection.execute(
                        "INSERT INTO documents (name, body) VALUES (?, ?)"
                        " ON CONFLICT (name) DO UPDATE SET body = excluded.body",
                        (name, document.SerializeToString()),
                    )
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Fold the log into the file and let it go."""
        self._connection.close()
