"""The health of banks: a document a bank in live, a document a bank and organisation in the sandbox.

A sandbox's banks fail on purpose, for whoever signs in as a person that they fail for, and each organisation has a
clock of its own there: what one of them meets says nothing to another.
"""

from __future__ import annotations

from collections.abc import Iterable

from google.cloud import firestore

from shared.domain.bank_health import BankHealth
from shared.gcp import paths
from shared.gcp.commits import MARK, commit_surely, new_mark
from shared.gcp.documents import from_document, to_document
from shared.settings import Environment
from shared.use_cases.ports import Version


class BankHealthStore:
    def __init__(self, data: firestore.Client, environment: Environment) -> None:
        self._data = data
        self._apart = environment == "sandbox"

    def find(self, organisation_id: str, bank_id: str) -> tuple[BankHealth, Version | None]:
        snapshot = self._reference(organisation_id, bank_id).get()
        if not snapshot.exists:
            return BankHealth(bank_id=bank_id), None
        return from_document(snapshot.to_dict(), BankHealth), snapshot.update_time

    def save(self, organisation_id: str, health: BankHealth, *, version: Version | None) -> None:
        reference = self._reference(organisation_id, health.bank_id)
        mark = new_mark()
        document = {**to_document(health), MARK: mark}

        def write() -> bool:
            if version is None:
                reference.create(document)
            else:
                reference.update(document, option=self._data.write_option(last_update_time=version))
            return True

        def ours() -> bool | None:
            return (reference.get().to_dict() or {}).get(MARK) == mark or None

        commit_surely(write, written=ours)

    def all_of(self, organisation_id: str, bank_ids: Iterable[str]) -> dict[str, BankHealth]:
        """By bank, those that something is known of; one call."""
        references = [self._reference(organisation_id, bank_id) for bank_id in bank_ids]
        found = [
            from_document(snapshot.to_dict(), BankHealth)
            for snapshot in self._data.get_all(references)
            if snapshot.exists
        ]
        return {health.bank_id: health for health in found}

    def _reference(self, organisation_id: str, bank_id: str) -> firestore.DocumentReference:
        if self._apart:
            return self._data.document(paths.sandbox_bank_health(organisation_id, bank_id))
        return self._data.document(paths.bank_health(bank_id))
