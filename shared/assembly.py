"""What the functions that clients call are put together from."""

from __future__ import annotations

from shared.domain.clock import SystemClock
from shared.gcp.api_key_store import ApiKeyStore
from shared.gcp.rate_limit_store import RateLimitStore
from shared.gcp.raw_firestore import RawFirestore
from shared.http.api import Api
from shared.http.api_keys import ApiKeyAuthenticator
from shared.http.log import logger
from shared.http.rate_limit import RateLimiter
from shared.settings import Settings


def client_api(function: str, settings: Settings) -> Api:
    """An edge that knows callers by their API key, and limits each organisation's rate."""
    control = RawFirestore(project=settings.project, database=settings.control_database)
    data = RawFirestore(project=settings.project, database=settings.data_database)
    clock = SystemClock()
    return Api(
        function,
        settings=settings,
        authenticator=ApiKeyAuthenticator(
            ApiKeyStore(control), environment=settings.environment, clock=clock
        ),
        limiter=RateLimiter(RateLimitStore(data), clock=clock, log=logger(function)),
    )


def public_api(function: str, settings: Settings) -> Api:
    """An edge for a browser that comes from a bank: no key, so no organisation, and no limit of one."""
    return Api(function, settings=settings, authenticator=None)


def internal_api(function: str, settings: Settings) -> Api:
    """An edge that only the queue or the scheduler may call."""
    return Api(function, settings=settings, authenticator=None)
