from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.localcloud.server_process import ServerProcess

AUDIENCE = "https://sync-consent.example"
INVOKER = "scheduler@tok.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def identity_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = ServerProcess("localcloud.identity", tmp_path_factory.mktemp("identity"))
    yield f"http://{server.address}"
    assert server.terminate() == 0


@pytest.fixture(scope="module")
def mint(identity_url: str) -> Callable[..., str]:
    def minted(*, email: str = INVOKER, audience: str = AUDIENCE) -> str:
        reply = httpx.get(
            f"{identity_url}/computeMetadata/v1/instance/service-accounts/{email}/identity",
            params={"audience": audience},
            headers={"Metadata-Flavor": "Google"},
        )
        assert reply.status_code == 200
        return reply.text

    return minted
