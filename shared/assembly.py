"""What the functions that clients call are put together from."""

from __future__ import annotations

from functools import partial

from shared.domain.clock import SystemClock
from shared.gcp.api_key_store import ApiKeyStore
from shared.gcp.key_use_outbox import KeyUseOutbox
from shared.gcp.rate_limit_store import RateLimitStore
from shared.gcp.raw_firestore import RawFirestore
from shared.http.api import Api
from shared.http.api_keys import ApiKeyAuthenticator
from shared.http.key_uses import DailyKeyUses
from shared.http.log import logger
from shared.http.rate_limit import RateLimiter
from shared.settings import Settings, UserSettings


def client_api(function: str, settings: Settings) -> Api:
    """An edge that knows callers by their API key, and limits each organisation's rate."""
    control = RawFirestore(project=settings.project, database=settings.control_database)
    outbox = KeyUseOutbox(RawFirestore(project=settings.project, database=settings.data_database))
    clock = SystemClock()
    return Api(
        function,
        settings=settings,
        authenticator=ApiKeyAuthenticator(
            ApiKeyStore(control),
            environment=settings.environment,
            clock=clock,
            uses=DailyKeyUses(outbox.note, clock=clock),
        ),
        limiter=rate_limiter(function, settings),
    )


def rate_limiter(function: str, settings: Settings) -> RateLimiter:
    data = RawFirestore(project=settings.project, database=settings.data_database)
    return RateLimiter(RateLimitStore(data), clock=SystemClock(), log=logger(function))


def public_api(function: str, settings: Settings) -> Api:
    """An edge for a browser that comes from a bank: no key, so no organisation, and no limit of one."""
    return Api(function, settings=settings, authenticator=None)


def user_api(function: str, settings: Settings, user_settings: UserSettings) -> Api:
    """An edge that knows people who signed in, and what they may do in their organisation."""
    from shared.gcp.clients import firestore_client
    from shared.gcp.jwks import fetch_jwks
    from shared.gcp.organisation_store import OrganisationStore
    from shared.http.signing_keys import SigningKeys
    from shared.http.user_tokens import UserTokens
    from shared.http.users import UserAuthenticator

    control = firestore_client(project=settings.project, database=settings.control_database)
    tokens = UserTokens(
        SigningKeys(partial(fetch_jwks, user_settings.jwks_url)),
        issuer=user_settings.issuer,
        audience=user_settings.audience,
        clock=SystemClock(),
    )
    users = UserAuthenticator(tokens, OrganisationStore(control))
    return Api(
        function,
        settings=settings,
        authenticator=None,
        users=users,
        limiter=rate_limiter(function, settings),
    )


def internal_api(function: str, settings: Settings) -> Api:
    """An edge that only the queue or the scheduler may call."""
    return Api(function, settings=settings, authenticator=None)
