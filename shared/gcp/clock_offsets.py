"""How far each organisation has moved its sandbox clock. In live there is nothing to read: no clock moves."""

from __future__ import annotations

from shared.gcp import paths
from shared.gcp.raw_firestore import RawFirestore
from shared.settings import Environment


class ClockOffsets:
    def __init__(self, data: RawFirestore, environment: Environment) -> None:
        self._data = data
        self._moves = environment == "sandbox"

    def offset_seconds(self, organisation_id: str) -> int:
        if not self._moves:
            return 0
        path = paths.sandbox_clock(organisation_id)
        fields = self._data.get([path]).get(path)
        return 0 if fields is None else int(fields["offsetSeconds"].integer_value)
