"""How the banks do, as clients are shown it: a document a bank in live, a document a bank and organisation in the
sandbox.

A sandbox's banks fail on purpose, for whoever signs in as a person that they fail for, and each organisation has a
clock of its own there: what one of them meets says nothing to another.
"""

from __future__ import annotations

from collections.abc import Iterable

from shared.domain.bank_health import BankHealth
from shared.gcp import paths
from shared.gcp.firestore_values import from_fields
from shared.gcp.raw_firestore import RawFirestore
from shared.settings import Environment


class BankHealths:
    def __init__(self, data: RawFirestore, environment: Environment) -> None:
        self._data = data
        self._environment = environment

    def all_of(self, organisation_id: str, bank_ids: Iterable[str]) -> dict[str, BankHealth]:
        """By bank, those that something is known of; one call."""
        found = self._data.get(
            [health_path(organisation_id, bank_id, environment=self._environment) for bank_id in bank_ids]
        )
        healths = [from_fields(fields, BankHealth) for fields in found.values()]
        return {health.bank_id: health for health in healths}


def health_path(organisation_id: str, bank_id: str, *, environment: Environment) -> str:
    if environment == "sandbox":
        return paths.sandbox_bank_health(organisation_id, bank_id)
    return paths.bank_health(bank_id)
