"""One environment's bank data of an organisation, for its erasure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from shared.domain.clock import Clock
from shared.domain.consents import Consent
from shared.gcp import paths
from shared.gcp.documents import from_document
from shared.gcp.purge import purge_below, purge_found
from shared.gcp.raw_firestore import RawFirestore
from shared.use_cases.ports import StoredConsent


class OrganisationDataStore:
    def __init__(self, data: firestore.Client, raw: RawFirestore) -> None:
        self._data = data
        self._raw = raw

    def consents(self, organisation_id: str) -> Iterator[StoredConsent]:
        for snapshot in self._data.collection(paths.consents(organisation_id)).stream():
            yield StoredConsent(
                consent=from_document(snapshot.to_dict(), Consent), version=snapshot.update_time
            )

    def purge(self, organisation_id: str, *, until: datetime, clock: Clock) -> bool:
        states = self._data.collection(paths.oauth_states()).where(
            filter=FieldFilter("organisationId", "==", organisation_id)
        )
        self._data.document(paths.rate_limit(organisation_id)).delete()
        path = paths.organisation(organisation_id)
        return purge_below(path, data=self._data, raw=self._raw, until=until, clock=clock) and purge_found(
            states, data=self._data, until=until, clock=clock
        )
