"""A key to its organisation and tier: what is remembered, and for how long."""

from __future__ import annotations

from datetime import timedelta

import pytest
from google.cloud.firestore import Client

from shared.domain.organisations import Tier
from shared.gcp import clients, paths
from shared.gcp.api_key_store import ApiKeyStore
from shared.gcp.organisation_store import OrganisationStore
from shared.gcp.raw_firestore import RawFirestore
from shared.http import api_keys
from shared.http.api_keys import ApiKeyAuthenticator
from shared.use_cases.create_organisation import CreatedOrganisation, create_organisation
from tests.fakes.clock import FakeClock
from tests.localcloud.firestore.conftest import connect, firestore_address, project

__all__ = ["firestore_address", "project"]


class Monotonic:
    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


class CountingStore:
    def __init__(self, store: ApiKeyStore) -> None:
        self._store = store
        self.look_ups = 0

    def find(self, key_hash: str) -> object:
        self.look_ups += 1
        return self._store.find(key_hash)


def test_a_changed_tier_counts_within_30_seconds_and_costs_no_read_in_between(
    firestore_address: str, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    control: Client = connect(Client, firestore_address, project=project)
    created: CreatedOrganisation = create_organisation(
        "Test d.o.o.", tier="free", organisations=OrganisationStore(control)
    )
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore_address)
    clients.firestore_channel.cache_clear()
    time = Monotonic()
    monkeypatch.setattr(api_keys, "time", time)
    store = CountingStore(ApiKeyStore(RawFirestore(project=project, database="(default)")))
    authenticator = ApiKeyAuthenticator(store, environment="sandbox", clock=FakeClock())  # type: ignore[arg-type]

    def tier() -> Tier:
        return authenticator.authenticate(f"ApiKey {created.sandbox_key}").tier

    assert tier() == "free"
    control.document(paths.organisation(created.organisation.id)).update({"tier": "pro"})
    time.now += timedelta(seconds=29.9).total_seconds()
    assert tier() == "free"
    assert store.look_ups == 1
    time.now += 0.1
    assert tier() == "pro"
    assert store.look_ups == 2
    clients.firestore_channel.cache_clear()
