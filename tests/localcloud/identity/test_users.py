"""People who sign in on this machine: an issuer, an audience and keys apart from those of the platform's services."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx
import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from localcloud.identity.verify import InvalidToken, TokenVerifier
from shared.domain.clock import SystemClock
from shared.domain.errors import InvalidToken as NotSignedIn
from shared.gcp.jwks import fetch_jwks
from shared.http.signing_keys import SigningKeys
from shared.http.user_tokens import UserTokens


def sign_in(identity_url: str, **body: object) -> str:
    reply = httpx.post(f"{identity_url}/users/sign-in", json=body)
    assert reply.status_code == 200, reply.text
    assert reply.json()["expiresIn"] == "3600"
    return str(reply.json()["idToken"])


def user_tokens(identity_url: str) -> UserTokens:
    return UserTokens(
        SigningKeys(lambda: fetch_jwks(f"{identity_url}/users/certs")),
        issuer=f"{identity_url}/users",
        audience="tok-local",
        clock=SystemClock(),
    )


def keys(identity_url: str, path: str) -> KeySet:
    return KeySet.import_key_set(httpx.get(f"{identity_url}{path}").json())


def test_a_token_has_identity_platforms_claims(identity_url: str) -> None:
    token = jwt.decode(
        sign_in(identity_url, email="Ana@bilko.example"),
        keys(identity_url, "/users/certs"),
        algorithms=["RS256"],
    )
    claims = token.claims
    assert (claims["iss"], claims["aud"]) == (f"{identity_url}/users", "tok-local")
    assert (claims["email"], claims["email_verified"]) == ("ana@bilko.example", True)
    assert claims["user_id"] == claims["sub"]
    assert claims["exp"] == claims["iat"] + 3600
    assert abs(claims["iat"] - time.time()) < 60
    configuration = httpx.get(f"{identity_url}/users/.well-known/openid-configuration").json()
    assert configuration["issuer"] == claims["iss"]
    assert configuration["jwks_uri"] == f"{identity_url}/users/certs"


def test_the_same_address_is_the_same_person(identity_url: str) -> None:
    tokens = user_tokens(identity_url)
    first, again, other = (
        tokens.identify(f"Bearer {sign_in(identity_url, email=email)}")
        for email in ("ana@bilko.example", "ANA@bilko.example", "eva@bilko.example")
    )
    assert first == again
    assert first.user_id != other.user_id


def test_a_services_token_is_no_users(identity_url: str, mint: Callable[..., str]) -> None:
    with pytest.raises(NotSignedIn):
        user_tokens(identity_url).identify(f"Bearer {mint(audience='tok-local')}")
    with pytest.raises(JoseError):
        jwt.decode(mint(), keys(identity_url, "/users/certs"), algorithms=["RS256"])


def test_a_users_token_is_no_services(identity_url: str) -> None:
    verifier = TokenVerifier(
        issuer=identity_url, jwks_url=f"{identity_url}/oauth2/v3/certs", audience="tok-local"
    )
    with pytest.raises(InvalidToken):
        verifier.verify(sign_in(identity_url, email="ana@bilko.example"))


def test_an_address_that_is_not_verified_signs_nobody_in(identity_url: str) -> None:
    with pytest.raises(NotSignedIn):
        user_tokens(identity_url).identify(
            f"Bearer {sign_in(identity_url, email='ana@bilko.example', emailVerified=False)}"
        )


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b'{"email": "ana@bilko.example"}', "text/plain", 415),
        (b"email=ana@bilko.example", "application/x-www-form-urlencoded", 415),
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"email": 1}', "application/json", 400),
        (b'{"email": "ana"}', "application/json", 400),
        (b'{"email": "ana@bilko.example", "emailVerified": "no"}', "application/json", 400),
    ],
)
def test_bad_questions_get_no_token(
    identity_url: str, content: bytes, content_type: str, status: int
) -> None:
    reply = httpx.post(
        f"{identity_url}/users/sign-in", content=content, headers={"Content-Type": content_type}
    )
    assert reply.status_code == status
    assert "ey" not in reply.text.replace("they", "")
