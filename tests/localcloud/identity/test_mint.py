from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from localcloud.http_target import new_session
from localcloud.identity.mint import TokenMinter, TokenUnavailable
from tests.localcloud.http_receiver import Answer, Received, Receiver

EMAIL = "tasks@tok.iam.gserviceaccount.com"
PATH = f"/computeMetadata/v1/instance/service-accounts/{EMAIL}/identity?audience="


def answer(request: Received) -> Answer:
    return Answer(body=f"token of {request.path}".encode())


@pytest.fixture
def token_service() -> Iterator[Receiver]:
    receiver = Receiver(answer)
    yield receiver
    receiver.close()


def test_a_token_is_asked_for_once_per_email_and_audience(token_service: Receiver) -> None:
    async def go() -> list[str]:
        async with new_session() as session:
            minter = TokenMinter(session, identity_url=f"{token_service.url}/")
            return await asyncio.gather(
                *(minter.token(email=EMAIL, audience=audience) for audience in ("a", "b", "a", "a"))
            )

    assert asyncio.run(go()) == [f"token of {PATH}{audience}" for audience in ("a", "b", "a", "a")]
    assert len(token_service.received(f"{PATH}a")) == 1
    assert token_service.received(f"{PATH}a")[0].headers["metadata-flavor"] == "Google"


def test_a_refusal_or_a_silent_server_is_said_and_not_kept(token_service: Receiver) -> None:
    async def ask(minter: TokenMinter) -> str:
        return await minter.token(email=EMAIL, audience="a")

    async def go() -> None:
        async with new_session() as session:
            minter = TokenMinter(session, identity_url=token_service.url)
            token_service.answer = lambda _request: Answer(500)
            with pytest.raises(TokenUnavailable, match="500"):
                await ask(minter)
            token_service.answer = answer
            assert await ask(minter) == f"token of {PATH}a"
            closed = Receiver()
            closed.close()
            with pytest.raises(TokenUnavailable, match="out of reach"):
                await ask(TokenMinter(session, identity_url=closed.url))

    asyncio.run(go())
