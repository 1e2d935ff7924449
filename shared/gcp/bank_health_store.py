"""The health of banks, for who reaches them. What clients are shown of it, `bank_healths` reads."""

from __future__ import annotations

from google.cloud import firestore

from shared.domain.bank_health import BankHealth
from shared.gcp.bank_healths import health_path
from shared.gcp.commits import MARK, commit_surely, new_mark
from shared.gcp.documents import from_document, to_document
from shared.settings import Environment
from shared.use_cases.ports import Version


class BankHealthStore:
    def __init__(self, data: firestore.Client, environment: Environment) -> None:
        self._data = data
        self._environment = environment

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

    def _reference(self, organisation_id: str, bank_id: str) -> firestore.DocumentReference:
        path = health_path(organisation_id, bank_id, environment=self._environment)
        return self._data.document(path)
