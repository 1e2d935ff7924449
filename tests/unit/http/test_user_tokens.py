"""Tokens by attack: whatever is not exactly the issuer's word for this API, now, signs nobody in."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from shared.domain.errors import InvalidToken
from shared.http.signing_keys import KeysUnavailable, SigningKeys
from shared.http.user_tokens import UserTokens
from tests.fakes.clock import FakeClock

ISSUER = "https://securetoken.google.com/tok-test"
AUDIENCE = "tok-test"
KEY = RSAKey.generate_key(2048, parameters={"kid": "one"}, private=True)
OTHER = RSAKey.generate_key(2048, parameters={"kid": "one"}, private=True)
CLOCK = FakeClock()
NOW = int(CLOCK.now().timestamp())
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "u1",
    "email": "Ana@Bilko.io",
    "email_verified": True,
    "iat": NOW,
    "exp": NOW + 3600,
}


def published(*keys: RSAKey | ECKey | OctKey, **changes: Any) -> bytes:
    shown = [{**key.as_dict(private=isinstance(key, OctKey)), **changes} for key in keys]
    return json.dumps({"keys": shown}).encode()


def tokens(jwks: bytes | None = None) -> UserTokens:
    content = jwks or published(KEY)
    return UserTokens(SigningKeys(lambda: content), issuer=ISSUER, audience=AUDIENCE, clock=CLOCK)


def signed(claims: dict[str, Any], *, key: Any = KEY, **header: Any) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one", **header}, claims, key)


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_a_good_token_says_who_signed_in() -> None:
    who = tokens().identify(f"Bearer {signed(CLAIMS)}")
    assert who.email == "ana@bilko.io"
    assert who.user_id.startswith("usr_")
    assert tokens().identify(f"bearer  {signed(CLAIMS)} ") == who
    assert tokens().identify(f"Bearer {signed(CLAIMS | {'email': 'new@bilko.io'})}").user_id == who.user_id
    assert tokens().identify(f"Bearer {signed(CLAIMS | {'sub': 'u2'})}").user_id != who.user_id


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://securetoken.google.com/tok-other"},
        {"iss": ISSUER + "/"},
        {"iss": [ISSUER]},
        {"iss": None},
        {"aud": "tok-other"},
        {"aud": [AUDIENCE]},
        {"aud": [AUDIENCE, "x"]},
        {"aud": None},
        {"exp": NOW},
        {"exp": NOW - 1},
        {"exp": None},
        {"exp": "9999999999"},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": True},
        {"iat": NOW + 61},
        {"iat": None},
        {"iat": float("nan")},
        {"nbf": NOW + 61},
        {"nbf": "now"},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": 1},
        {"email_verified": None},
        {"email": None},
        {"email": ""},
        {"email": 1},
        {"sub": None},
        {"sub": ""},
        {"sub": "x" * 256},
        {"sub": 7},
    ],
    ids=str,
)
def test_claims_that_do_not_count(changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        tokens().identify(f"Bearer {signed(CLAIMS | changed)}")


@pytest.mark.parametrize("missing", sorted(CLAIMS))
def test_every_claim_is_needed(missing: str) -> None:
    with pytest.raises(InvalidToken):
        tokens().identify(
            f"Bearer {signed({name: value for name, value in CLAIMS.items() if name != missing})}"
        )


def test_a_clock_that_is_a_little_ahead_is_forgiven() -> None:
    tokens().identify(f"Bearer {signed(CLAIMS | {'iat': NOW + 59, 'nbf': NOW + 59})}")


def forgeries() -> dict[str, str]:
    header, payload = part({"alg": "RS256", "kid": "one"}), part(CLAIMS)
    good_signature = signed(CLAIMS).split(".")[2]
    confused = part({"alg": "HS256", "kid": "one"})
    pem = KEY.as_pem(private=False)
    mac = hmac.digest(pem, f"{confused}.{payload}".encode(), "sha256")
    ec = ECKey.generate_key("P-256", parameters={"kid": "one"}, private=True)
    return {
        "nothing": "",
        "no dots": "x",
        "dots": "..",
        "alg none": f"{part({'alg': 'none'})}.{payload}.",
        "alg None": f"{part({'alg': 'None', 'kid': 'one'})}.{payload}.{good_signature}",
        "alg none with kid": f"{part({'alg': 'none', 'kid': 'one'})}.{payload}.",
        "HS256 with the public key": f"{confused}.{payload}.{part(mac)}",
        "HS256 with nothing": jwt.encode({"alg": "HS256", "kid": "one"}, CLAIMS, OctKey.import_key("x" * 32)),
        "ES256": jwt.encode({"alg": "ES256", "kid": "one"}, CLAIMS, ec),
        "another key of the same name": signed(CLAIMS, key=OTHER),
        "an unknown key": signed(CLAIMS, kid="two"),
        "no kid": f"{part({'alg': 'RS256'})}.{payload}.{good_signature}",
        "kid is a number": f"{part({'alg': 'RS256', 'kid': 1})}.{payload}.{good_signature}",
        "its own key": jwt.encode(
            {"alg": "RS256", "kid": "two", "jwk": OTHER.as_dict(private=False)}, CLAIMS, OTHER
        ),
        "a critical extension": signed_critical(),
        "changed payload": f"{header}.{part(CLAIMS | {'sub': 'else'})}.{good_signature}",
        "no signature": f"{header}.{payload}.",
        "the platform's own": f"{header}.{payload}.SIGNATURE_REMOVED_BY_GOOGLE",
        "payload is a list": f"{header}.{part([])}.{good_signature}",
        "payload is no JSON": f"{header}.{part(b'x')}.{good_signature}",
        "header is no JSON": f"{part(b'x')}.{payload}.{good_signature}",
        "nested": f"{part(b'[' * 2_000)}.{payload}.{good_signature}",
        "too long": "x" * 8_001,
        "not ASCII": f"{header}.{payload}.č",
        "five parts": "a.b.c.d.e",
    }


def signed_critical() -> str:
    header = part({"alg": "RS256", "kid": "one", "crit": ["exp"], "exp": 1})
    return f"{header}.{part(CLAIMS)}.{signed(CLAIMS).split('.')[2]}"


@pytest.mark.parametrize("name", list(forgeries()))
def test_forgeries(name: str) -> None:
    with pytest.raises(InvalidToken):
        tokens().identify(f"Bearer {forgeries()[name]}")


@pytest.mark.parametrize("scheme", ["", "ApiKey ", "Basic ", "Bearer", "BearerX "])
def test_other_schemes(scheme: str) -> None:
    with pytest.raises(InvalidToken):
        tokens().identify(scheme + signed(CLAIMS))
    with pytest.raises(InvalidToken):
        tokens().identify(None)


@given(st.integers(0, 2_000), st.characters(codec="ascii"))
def test_one_changed_character_is_noticed(position: int, character: str) -> None:
    good = signed(CLAIMS)
    position %= len(good)
    changed = good[:position] + character + good[position + 1 :]
    try:
        who = tokens().identify(f"Bearer {changed}")
    except InvalidToken:
        return
    assert decoded(changed) == decoded(good), "only the spare bits of base64 may differ"
    assert who.email == "ana@bilko.io"


def decoded(token: str) -> list[bytes]:
    return [base64.urlsafe_b64decode(each + "==") for each in token.strip().split(".")]


@pytest.mark.parametrize(
    "jwks",
    [
        published(KEY, use="enc"),
        published(KEY, alg="RS512"),
        published(KEY, kty="oct"),
        published(KEY, n="AQAB"),
        published(OctKey.import_key("x" * 32, {"kid": "one"})),
        published(ECKey.generate_key("P-256", parameters={"kid": "one"}, private=True)),
        published(RSAKey.generate_key(1024, parameters={"kid": "one"}, private=True)),
        b'{"keys": []}',
        b'{"keys": 1}',
        b"{}",
        b"<html>",
    ],
)
def test_only_the_issuers_own_kind_of_key_counts(jwks: bytes) -> None:
    with pytest.raises((InvalidToken, KeysUnavailable)):
        tokens(jwks).identify(f"Bearer {signed(CLAIMS)}")


def test_one_bad_key_spoils_no_other() -> None:
    good, bad = json.loads(published(KEY))["keys"][0], {"kty": "RSA", "kid": "bad", "n": "!", "e": 7}
    both = json.dumps({"keys": [bad, {"kid": 5}, good]}).encode()
    assert tokens(both).identify(f"Bearer {signed(CLAIMS)}").email == "ana@bilko.io"
