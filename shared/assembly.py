"""What the functions that clients call are put together from."""

from __future__ import annotations

from shared.domain.clock import SystemClock
from shared.gcp.api_key_store import ApiKeyStore
from shared.gcp.clients import firestore_client
from shared.gcp.raw_firestore import RawFirestore
from shared.http.api import Api
from shared.http.api_keys import ApiKeyAuthenticator
from shared.http.key_uses import DailyKeyUses
from shared.settings import Settings
from shared.use_cases.relay import KeyUse


def client_api(function: str, settings: Settings) -> Api:
    """An edge that knows callers by their API key."""
    control = RawFirestore(project=settings.project, database=settings.control_database)
    clock = SystemClock()

    def note(use: KeyUse) -> None:
        from shared.gcp.relay_store import RelayStore

        data = firestore_client(project=settings.project, database=settings.data_database)
        RelayStore(data).note_key_use(use)

    authenticator = ApiKeyAuthenticator(
        ApiKeyStore(control),
        environment=settings.environment,
        clock=clock,
        uses=DailyKeyUses(note, clock=clock),
    )
    return Api(function, settings=settings, authenticator=authenticator)


def internal_api(function: str, settings: Settings) -> Api:
    """An edge that only the queue or the scheduler may call."""
    return Api(function, settings=settings, authenticator=None)
