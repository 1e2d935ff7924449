from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.localcloud.identity.conftest import AUDIENCE, INVOKER
from tests.localcloud.server_process import ServerProcess


def published_keys(identity_url: str) -> KeySet:
    configuration = httpx.get(f"{identity_url}/.well-known/openid-configuration").json()
    return KeySet.import_key_set(httpx.get(configuration["jwks_uri"]).json())


def test_a_token_says_who_for_whom_and_how_long(identity_url: str, mint: Callable[..., str]) -> None:
    token = jwt.decode(mint(), published_keys(identity_url), algorithms=["RS256"])
    claims = token.claims
    assert token.header["alg"] == "RS256"
    assert claims["iss"] == identity_url
    assert claims["aud"] == AUDIENCE
    assert (claims["email"], claims["email_verified"]) == (INVOKER, True)
    assert len(claims["sub"]) == 21
    assert claims["azp"] == claims["sub"]
    assert claims["exp"] == claims["iat"] + 3600
    assert abs(claims["iat"] - time.time()) < 60


def test_the_configuration_names_the_issuer_and_rs256(identity_url: str) -> None:
    configuration = httpx.get(f"{identity_url}/.well-known/openid-configuration").json()
    assert configuration["issuer"] == identity_url
    assert configuration["id_token_signing_alg_values_supported"] == ["RS256"]


def test_the_published_keys_hold_no_private_part(identity_url: str) -> None:
    keys = httpx.get(f"{identity_url}/oauth2/v3/certs").json()["keys"]
    assert len({key["kid"] for key in keys}) == 2
    for key in keys:
        assert set(key) == {"kty", "n", "e", "kid", "use", "alg"}


def test_the_metadata_header_is_required(identity_url: str) -> None:
    path = f"/computeMetadata/v1/instance/service-accounts/{INVOKER}/identity"
    reply = httpx.get(f"{identity_url}{path}", params={"audience": AUDIENCE})
    assert reply.status_code == 403
    assert "ey" not in reply.text


@pytest.mark.parametrize(
    ("account", "audience", "status"),
    [(INVOKER, "", 400), ("nobody", AUDIENCE, 404), ("a%20b@c", AUDIENCE, 404)],
)
def test_bad_questions_get_no_token(identity_url: str, account: str, audience: str, status: int) -> None:
    reply = httpx.get(
        f"{identity_url}/computeMetadata/v1/instance/service-accounts/{account}/identity",
        params={"audience": audience},
        headers={"Metadata-Flavor": "Google"},
    )
    assert reply.status_code == status


def test_googles_own_client_gets_a_token(identity_url: str) -> None:
    host = identity_url.removeprefix("http://")
    ask = (
        "from google.auth.transport.requests import Request; from google.oauth2.id_token import fetch_id_token; "
        f"print(fetch_id_token(Request(), {AUDIENCE!r}))"
    )
    environment = {
        name: value for name, value in os.environ.items() if name != "GOOGLE_APPLICATION_CREDENTIALS"
    }
    environment |= {"GCE_METADATA_HOST": host, "GCE_METADATA_IP": host}
    asked = subprocess.run(
        [sys.executable, "-c", ask], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert asked.returncode == 0, asked.stderr
    claims = jwt.decode(asked.stdout.strip(), published_keys(identity_url), algorithms=["RS256"]).claims
    assert (claims["aud"], claims["email"]) == (AUDIENCE, "default@localcloud.iam.gserviceaccount.com")


def test_keys_outlive_a_kill_and_are_their_owners_alone(tmp_path: Path) -> None:
    issuer = "https://accounts.local"
    server = ServerProcess("localcloud.identity", tmp_path, "--issuer", issuer)
    before = httpx.get(f"http://{server.address}/oauth2/v3/certs").json()
    server.kill()
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}
    server = ServerProcess("localcloud.identity", tmp_path, "--issuer", issuer)
    assert httpx.get(f"http://{server.address}/oauth2/v3/certs").json() == before
    configuration = httpx.get(f"http://{server.address}/.well-known/openid-configuration").json()
    assert configuration["issuer"] == issuer
    assert server.terminate() == 0
