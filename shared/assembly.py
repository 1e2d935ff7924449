"""What the functions that clients call are put together from."""

from __future__ import annotations

from shared.domain.clock import SystemClock
from shared.gcp.api_key_store import ApiKeyStore
from shared.gcp.raw_firestore import RawFirestore
from shared.http.api import Api
from shared.http.api_keys import ApiKeyAuthenticator
from shared.settings import Settings


def client_api(function: str, settings: Settings) -> Api:
    """An edge that knows callers by their API key."""
    control = RawFirestore(project=settings.project, database=settings.control_database)
    authenticator = ApiKeyAuthenticator(
        ApiKeyStore(control), environment=settings.environment, clock=SystemClock()
    )
    return Api(function, settings=settings, authenticator=authenticator)


def internal_api(function: str, settings: Settings) -> Api:
    """An edge that only the queue or the scheduler may call."""
    return Api(function, settings=settings, authenticator=None)
