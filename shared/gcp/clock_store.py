"""Each organisation's sandbox clock, for who moves it. How far it was moved, `clock_offsets` tells."""

from __future__ import annotations

from google.cloud import firestore

from shared.domain.sandbox_clock import SandboxClock
from shared.gcp import paths
from shared.gcp.commits import commit_surely
from shared.gcp.documents import from_document, to_document
from shared.use_cases.ports import Version


class ClockStore:
    def __init__(self, data: firestore.Client) -> None:
        self._data = data

    def find(self, organisation_id: str) -> tuple[SandboxClock, Version | None]:
        snapshot = self._reference(organisation_id).get()
        if not snapshot.exists:
            return SandboxClock(), None
        return from_document(snapshot.to_dict(), SandboxClock), snapshot.update_time

    def save(self, organisation_id: str, clock: SandboxClock, *, version: Version | None) -> None:
        """Raises StaleWrite."""
        reference = self._reference(organisation_id)

        def write() -> bool:
            if version is None:
                reference.create(to_document(clock))
            else:
                reference.update(to_document(clock), option=self._data.write_option(last_update_time=version))
            return True

        # `moved_by` is new with every move, and so tells this write from all others.
        commit_surely(write, written=lambda: self.find(organisation_id)[0] == clock or None)

    def _reference(self, organisation_id: str) -> firestore.DocumentReference:
        return self._data.document(paths.sandbox_clock(organisation_id))
