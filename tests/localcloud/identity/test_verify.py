from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import httpx
import pytest
import time_machine
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from localcloud.identity.verify import InvalidToken, KeysUnavailable, RequireInvoker, TokenVerifier
from tests.localcloud.http_receiver import Answer, Received, Receiver
from tests.localcloud.identity.conftest import AUDIENCE, INVOKER

Mint = Callable[..., str]


class Service:
    """A WSGI application behind the middleware, which keeps the environment that it was called with."""

    def __init__(self, identity_url: str) -> None:
        self.seen: dict[str, Any] | None = None
        self._guarded = RequireInvoker(
            self._application,
            issuer=identity_url,
            jwks_url=f"{identity_url}/oauth2/v3/certs",
            audience=AUDIENCE,
            allowed_emails=[INVOKER],
        )

    def _application(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.seen = environ
        start_response("200 OK", [])
        return [b"served"]

    def call(self, **headers: str) -> httpx.Response:
        transport = httpx.WSGITransport(app=self._guarded)
        with httpx.Client(transport=transport, base_url="http://service") as client:
            return client.get("/", headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.fixture
def service(identity_url: str) -> Service:
    return Service(identity_url)


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": "https://issuer",
        "aud": AUDIENCE,
        "email": INVOKER,
        "email_verified": True,
        "iat": now,
        "exp": now + 3600,
    } | changed


def test_an_invoker_gets_through_and_the_signature_does_not(service: Service, mint: Mint) -> None:
    token = mint()
    reply = service.call(Authorization=f"Bearer {token}")
    assert (reply.status_code, reply.text) == (200, "served")
    assert service.seen is not None
    header, payload, signature = service.seen["HTTP_AUTHORIZATION"].removeprefix("Bearer ").split(".")
    assert f"{header}.{payload}" == token.rpartition(".")[0]
    assert signature == "SIGNATURE_REMOVED_BY_GOOGLE"


@pytest.mark.parametrize("authorization", ["", "Bearer ", "Basic dTpw", "bearer", "Bearer x", "Bearer a.b.c"])
def test_no_token_or_no_real_one_is_401_in_json(service: Service, authorization: str) -> None:
    reply = service.call(**({"Authorization": authorization} if authorization else {}))
    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    assert reply.json()["error"]["code"] == 401
    assert service.seen is None


def test_another_identity_is_403(service: Service, mint: Mint) -> None:
    for _ in range(2):  # the second time from the cache
        reply = service.call(Authorization=f"Bearer {mint(email='stranger@tok.iam.gserviceaccount.com')}")
        assert reply.status_code == 403
    assert service.seen is None


def test_another_audience_is_401(service: Service, mint: Mint) -> None:
    assert service.call(Authorization=f"Bearer {mint(audience='https://other')}").status_code == 401


def test_the_serverless_header_counts_when_both_are_sent(service: Service, mint: Mint) -> None:
    reply = service.call(X_Serverless_Authorization=f"Bearer {mint()}", Authorization="ApiKey tok_live_x")
    assert reply.status_code == 200
    assert service.seen is not None
    assert service.seen["HTTP_AUTHORIZATION"] == "ApiKey tok_live_x"
    assert service.seen["HTTP_X_SERVERLESS_AUTHORIZATION"].endswith(".SIGNATURE_REMOVED_BY_GOOGLE")
    bad = service.call(X_Serverless_Authorization="Bearer x.y.z", Authorization=f"Bearer {mint()}")
    assert bad.status_code == 401


def test_a_token_ends_when_it_expires_even_if_it_was_cached(service: Service, mint: Mint) -> None:
    token = mint()
    assert service.call(Authorization=f"Bearer {token}").status_code == 200
    with time_machine.travel(time.time() + 3601):
        reply = service.call(Authorization=f"Bearer {token}")
    assert reply.status_code == 401
    assert "expired" in reply.json()["error"]["message"]


def test_a_token_whose_signature_was_removed_is_refused(service: Service, mint: Mint) -> None:
    removed = f"{mint().rpartition('.')[0]}.SIGNATURE_REMOVED_BY_GOOGLE"
    assert service.call(Authorization=f"Bearer {removed}").status_code == 401


def test_changed_claims_are_refused(service: Service, mint: Mint) -> None:
    header, payload, signature = mint(email="stranger@tok.iam.gserviceaccount.com").split(".")
    changed = json.loads(base64.urlsafe_b64decode(payload + "==")) | {"email": INVOKER}
    payload = base64.urlsafe_b64encode(json.dumps(changed).encode()).decode().rstrip("=")
    assert service.call(Authorization=f"Bearer {header}.{payload}.{signature}").status_code == 401


def test_other_algorithms_are_refused(identity_url: str, service: Service) -> None:
    public = httpx.get(f"{identity_url}/oauth2/v3/certs").json()["keys"][0]
    header = {"alg": "HS256", "kid": public["kid"]}
    signed = jwt.encode(header, claims(iss=identity_url), OctKey.import_key(public["n"]))
    assert service.call(Authorization=f"Bearer {signed}").status_code == 401
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": public["kid"]}).encode()).decode()
    body = signed.split(".")[1]
    assert service.call(Authorization=f"Bearer {none.rstrip('=')}.{body}.").status_code == 401


def test_a_key_of_another_token_service_is_refused(identity_url: str, service: Service) -> None:
    published = httpx.get(f"{identity_url}/oauth2/v3/certs").json()["keys"][0]
    forged_key = RSAKey.generate_key(2048, parameters={"kid": published["kid"]})
    forged = jwt.encode({"alg": "RS256", "kid": published["kid"]}, claims(iss=identity_url), forged_key)
    assert service.call(Authorization=f"Bearer {forged}").status_code == 401
    unknown = jwt.encode({"alg": "RS256", "kid": "unknown"}, claims(iss=identity_url), forged_key)
    assert service.call(Authorization=f"Bearer {unknown}").status_code == 401


class KeyServer:
    """Serves whatever keys the test puts in, and counts how often it was asked."""

    def __init__(self) -> None:
        self.keys: list[RSAKey] = []
        self._receiver = Receiver(self._answer)
        self.url = f"{self._receiver.url}/certs"
        self.close = self._receiver.close

    @property
    def asked(self) -> int:
        return len(self._receiver.received("/certs"))

    def _answer(self, _request: Received) -> Answer:
        keys = [key.as_dict(private=False) for key in self.keys]
        return Answer(body=json.dumps({"keys": keys}).encode())


@pytest.fixture
def key_server() -> Iterator[KeyServer]:
    server = KeyServer()
    yield server
    server.close()


@pytest.fixture
def verifier(key_server: KeyServer) -> TokenVerifier:
    return TokenVerifier(issuer="https://issuer", jwks_url=key_server.url, audience=AUDIENCE)


@cache  # making one costs a noticeable part of a second
def new_key(kid: str) -> RSAKey:
    return RSAKey.generate_key(2048, parameters={"kid": kid, "use": "sig", "alg": "RS256"})


def signed(key: RSAKey, **changed: Any) -> str:
    return jwt.encode({"alg": "RS256", "kid": key.kid}, claims(**changed), key)


def test_keys_are_fetched_once_and_again_for_an_unknown_one(
    key_server: KeyServer, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = new_key("first"), new_key("second")
    key_server.keys = [first]
    for number in range(3):
        assert verifier.verify(signed(first, sub=str(number))).email == INVOKER
    assert key_server.asked == 1

    key_server.keys = [second, first]
    with pytest.raises(
        InvalidToken, match="unknown key"
    ):  # asked a moment ago: unknown ids cannot make it ask more
        verifier.verify(signed(second))
    assert key_server.asked == 1
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 6)
    assert verifier.verify(signed(second)).email == INVOKER
    assert verifier.verify(signed(first, sub="later")).email == INVOKER
    assert key_server.asked == 2


def test_a_cached_token_is_not_checked_again(key_server: KeyServer, verifier: TokenVerifier) -> None:
    key = new_key("only")
    key_server.keys = [key]
    token = signed(key)
    caller = verifier.verify(token)
    assert verifier.verify(token) is caller


def test_the_cache_is_bounded(
    key_server: KeyServer, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("localcloud.identity.verify._MAX_TOKENS_KEPT", 2)
    key = new_key("only")
    key_server.keys = [key]
    tokens = [signed(key, sub=str(number)) for number in range(3)]
    first = verifier.verify(tokens[0])
    for token in tokens[1:]:
        verifier.verify(token)
    assert verifier.verify(tokens[0]) is not first


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://other"},
        {"aud": [AUDIENCE]},
        {"aud": None},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": int(time.time()) - 1},
        {"iat": int(time.time()) + 86_400},  # more than a run of all tests takes
        {"email": None},
        {"email_verified": False},
        {"email_verified": "true"},
    ],
)
def test_wrong_claims_are_refused(
    key_server: KeyServer, verifier: TokenVerifier, changed: dict[str, Any]
) -> None:
    key = new_key("only")
    key_server.keys = [key]
    with pytest.raises(InvalidToken):
        verifier.verify(signed(key, **changed))


def test_without_any_keys_the_verifier_says_so() -> None:
    receiver = Receiver()
    url = f"{receiver.url}/certs"
    receiver.close()
    verifier = TokenVerifier(issuer="https://issuer", jwks_url=url, audience=AUDIENCE)
    with pytest.raises(KeysUnavailable):
        verifier.verify(signed(new_key("only")))
