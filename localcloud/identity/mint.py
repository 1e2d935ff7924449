"""Identity tokens for calls that the local platform makes, asked from the identity server and kept until they age."""

from __future__ import annotations

import asyncio
import time

import aiohttp

_REUSE_SECONDS = 3000  # of the hour that a token lives
_MAX_KEPT = 1_000


class TokenUnavailable(Exception):
    """The identity server is out of reach or refused."""


class TokenMinter:
    def __init__(self, session: aiohttp.ClientSession, *, identity_url: str) -> None:
        self._session = session
        self._identity_url = identity_url.rstrip("/")
        self._kept: dict[tuple[str, str], tuple[float, str]] = {}
        self._asking: dict[tuple[str, str], asyncio.Lock] = {}

    async def token(self, *, email: str, audience: str) -> str:
        """A signed token of `email` for `audience`. Raises TokenUnavailable."""
        wanted = (email, audience)
        async with self._asking.setdefault(wanted, asyncio.Lock()):
            until, token = self._kept.get(wanted, (0.0, ""))
            if time.monotonic() < until:
                return token
            token = await self._ask(email=email, audience=audience)
            if len(self._kept) >= _MAX_KEPT:
                self._kept.clear()
                self._asking.clear()
            self._kept[wanted] = (time.monotonic() + _REUSE_SECONDS, token)
            return token

    async def _ask(self, *, email: str, audience: str) -> str:
        url = f"{self._identity_url}/computeMetadata/v1/instance/service-accounts/{email}/identity"
        try:
            async with self._session.get(
                url,
                params={"audience": audience},
                headers={"Metadata-Flavor": "Google"},
                timeout=aiohttp.ClientTimeout(total=10),
            ) as reply:
                text = await reply.text()
                if reply.status != 200:
                    raise TokenUnavailable(f"identity server answered {reply.status}: {text}")
                return text.strip()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise TokenUnavailable(f"identity server is out of reach: {type(error).__name__}") from error
