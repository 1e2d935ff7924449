"""One attempt of a task or a job: an HTTP call with the identity that the target asks for."""

from __future__ import annotations

import aiohttp
from grpc import StatusCode
from multidict import CIMultiDict

from localcloud.grpc_server import Message
from localcloud.http_target import Outcome, call, unanswered
from localcloud.identity.mint import TokenMinter, TokenUnavailable


async def deliver(
    session: aiohttp.ClientSession,
    minter: TokenMinter | None,
    *,
    oidc_token: Message | None,
    method: str,
    url: str,
    headers: CIMultiDict[str],
    body: bytes,
    timeout_seconds: float,
) -> Outcome:
    """`oidc_token` is Google's OidcToken, or None for a call without one; its audience is the URL unless it says."""
    if oidc_token is not None and minter is not None:
        try:
            token = await minter.token(
                email=oidc_token.service_account_email, audience=oidc_token.audience or url
            )
        except TokenUnavailable as error:
            return unanswered(StatusCode.UNAVAILABLE, str(error))
        headers["Authorization"] = f"Bearer {token}"
    return await call(
        session, method=method, url=url, headers=headers, body=body, timeout_seconds=timeout_seconds
    )
