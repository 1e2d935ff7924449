"""What read-only transactions see: the database as it was when they began."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from localcloud.firestore.database import Database
from localcloud.firestore.scope import Stored


class History:
    """What recent commits replaced; kept only while a read-only transaction is open."""

    def __init__(self) -> None:
        self._commits: list[tuple[int, str, Mapping[str, Stored | None]]] = []

    def record(self, *, commit_ns: int, database: str, replaced: Mapping[str, Stored | None]) -> None:
        """Remember the documents, by name, as they stood before the commit."""
        self._commits.append((commit_ns, database, replaced))

    def forget(self) -> None:
        """No transaction asks any more."""
        self._commits.clear()

    def since(self, time_ns: int, database: str) -> list[Mapping[str, Stored | None]]:
        """What the database's later commits replaced, the latest first."""
        return [
            replaced
            for commit_ns, name, replaced in reversed(self._commits)
            if commit_ns > time_ns and name == database
        ]


def rolled_back(current: Database, commits: Iterable[Mapping[str, Stored | None]]) -> Database:
    """A copy of the database without the commits; the documents themselves are shared."""
    past = current.copy()
    for replaced in commits:
        for name, stored in replaced.items():
            past.put(name, None if stored is None else stored.document)
    return past
