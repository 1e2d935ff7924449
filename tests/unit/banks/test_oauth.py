"""Metadata, the authorise URL and tokens, as a bank may serve them well or badly."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from shared.banks.http import BankHttp
from shared.banks.oauth import OAuth
from shared.domain.errors import (
    BankAccessLost,
    BankConfigurationError,
    BankError,
    BankRateLimited,
    BankRefused,
    BankUnavailable,
)
from tests.unit.banks.scripted_bank import (
    ISSUER,
    METADATA,
    METADATA_PATH,
    NOW,
    FixedClock,
    ScriptedBank,
    json_answer,
    raw_answer,
    setup_of,
)

TOKEN_PATH = "/psd2/oauth2/token"
METADATA_URL = f"https://bank.example{METADATA_PATH}"
TOKENS = {"access_token": "at-1", "token_type": "Bearer", "expires_in": 600, "refresh_token": "rt-1"}


def oauth_at(
    *,
    metadata: Any = METADATA,
    token: Any = None,
    extra: Mapping[tuple[str, str], Any] | None = None,
    **rules: Any,
) -> tuple[ScriptedBank, OAuth]:
    bank = ScriptedBank(
        {
            ("GET", METADATA_PATH): json_answer(metadata),
            ("POST", TOKEN_PATH): token or json_answer(TOKENS),
            **(extra or {}),
        }
    )
    setup = setup_of(**rules)
    return bank, OAuth(setup, BankHttp(setup, transport=bank), FixedClock())


def exchange(oauth: OAuth, *, issuer: str = ISSUER) -> Any:
    return oauth.exchange(
        code="the-code", code_verifier="v" * 43, redirect_uri="https://tok.example/v1/callback", issuer=issuer
    )


def authorise(oauth: OAuth) -> str:
    return oauth.authorise_url(
        oauth.metadata(),
        bank_consent_id="c/1",
        redirect_uri="https://tok.example/v1/callback",
        state="the-state",
        code_challenge="the-challenge",
    )


def test_metadata_is_kept_for_a_while() -> None:
    bank, oauth = oauth_at()
    assert oauth.metadata(METADATA_URL).issuer == ISSUER
    oauth.metadata(METADATA_URL)
    oauth.metadata()
    assert len(bank.requests) == 1


def test_metadata_may_be_where_the_standards_example_has_it() -> None:
    appended = "/psd2/.well-known/oauth-authorization-server"
    bank, oauth = oauth_at(
        extra={("GET", METADATA_PATH): json_answer({}, 404), ("GET", appended): json_answer(METADATA)}
    )
    assert oauth.metadata().issuer == ISSUER
    assert [request.url.path for request in bank.requests] == [METADATA_PATH, appended]


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://bank.example/other"},
        {"issuer": f"{ISSUER}/"},
        {"issuer": None},
        {"token_endpoint": "https://elsewhere.example/token"},
        {"token_endpoint": "http://bank.example/psd2/oauth2/token"},
        {"token_endpoint": 5},
        {"authorization_endpoint": "http://bank.example/authorize"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"code_challenge_methods_supported": "S256"},
    ],
)
def test_metadata_that_cannot_be_trusted(changes: dict[str, Any]) -> None:
    _, oauth = oauth_at(metadata={**METADATA, **changes})
    with pytest.raises(BankUnavailable):
        oauth.metadata(METADATA_URL)


def test_bad_metadata_is_not_kept() -> None:
    answers = [json_answer({**METADATA, "issuer": "https://x.example"}), json_answer(METADATA)]

    def answer(request: httpx.Request) -> httpx.Response:
        return answers.pop(0)(request)

    _, oauth = oauth_at(extra={("GET", METADATA_PATH): answer})
    with pytest.raises(BankUnavailable):
        oauth.metadata(METADATA_URL)
    assert oauth.metadata(METADATA_URL).issuer == ISSUER


def test_a_metadata_link_to_another_host_is_not_followed_even_when_metadata_is_known() -> None:
    bank, oauth = oauth_at()
    for _ in range(2):
        with pytest.raises(BankUnavailable):
            oauth.metadata("https://elsewhere.example/.well-known/oauth-authorization-server")
        oauth.metadata()
    assert [request.url.host for request in bank.requests] == ["bank.example"]


def test_the_authorise_url() -> None:
    url = urlsplit(authorise(oauth_at()[1]))
    assert f"{url.scheme}://{url.netloc}{url.path}" == METADATA["authorization_endpoint"]
    assert dict(parse_qsl(url.query)) == {
        "response_type": "code",
        "client_id": "tok",
        "redirect_uri": "https://tok.example/v1/callback",
        "scope": "AIS:c/1",
        "state": "the-state",
        "code_challenge": "the-challenge",
        "code_challenge_method": "S256",
    }


def test_the_authorise_url_keeps_the_endpoints_own_query() -> None:
    metadata = {**METADATA, "authorization_endpoint": f"{ISSUER}/login?lang=hr#top"}
    url = urlsplit(authorise(oauth_at(metadata=metadata)[1]))
    assert parse_qs(url.query)["lang"] == ["hr"]
    assert url.fragment == ""


def test_8_a_profile_spells_the_scope_and_the_parameters() -> None:
    _, oauth = oauth_at(
        scope_template="AIS: {consent}",
        authorise_parameters={"response_type": "responseType", "client_id": "clientId"},
    )
    query = dict(parse_qsl(urlsplit(authorise(oauth)).query))
    assert (query["scope"], query["responseType"], query["clientId"]) == ("AIS: c/1", "code", "tok")
    assert "client_id" not in query


@pytest.mark.parametrize("methods", [(), ("plain",)])
def test_a_login_without_pkce_is_not_used(methods: tuple[str, ...]) -> None:
    _, oauth = oauth_at(metadata={**METADATA, "code_challenge_methods_supported": methods})
    with pytest.raises(BankUnavailable, match="PKCE"):
        authorise(oauth)


def test_the_exchange() -> None:
    bank, oauth = oauth_at()
    tokens = exchange(oauth)
    assert (tokens.access_token, tokens.refresh_token) == ("at-1", "rt-1")
    assert tokens.expires_at == NOW + timedelta(seconds=600)
    request = bank.requests[-1]
    assert request.headers["authorization"] == "Basic " + base64.b64encode(b"tok:client-secret").decode()
    assert dict(parse_qsl(request.content.decode())) == {
        "grant_type": "authorization_code",
        "code": "the-code",
        "redirect_uri": "https://tok.example/v1/callback",
        "code_verifier": "v" * 43,
    }
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert "the-code" not in str(request.url)


def test_a_code_from_another_server_is_not_spent() -> None:
    bank, oauth = oauth_at()
    with pytest.raises(BankRefused):
        exchange(oauth, issuer="https://attacker.example")
    assert all(request.url.path != TOKEN_PATH for request in bank.requests)


def test_a_refresh_may_rotate_and_may_not() -> None:
    bank, oauth = oauth_at()
    assert oauth.refresh(refresh_token="rt-0").refresh_token == "rt-1"
    assert dict(parse_qsl(bank.requests[-1].content.decode())) == {
        "grant_type": "refresh_token",
        "refresh_token": "rt-0",
    }
    kept = {name: value for name, value in TOKENS.items() if name != "refresh_token"}
    _, oauth = oauth_at(token=json_answer(kept))
    assert oauth.refresh(refresh_token="rt-0").refresh_token == "rt-0"


@pytest.mark.parametrize(("told", "seconds"), [(None, 300), ("3600", 3600), (10**9, 180 * 24 * 3600)])
def test_how_long_a_token_lives(told: Any, seconds: int) -> None:
    body = {name: value for name, value in {**TOKENS, "expires_in": told}.items() if value is not None}
    assert exchange(oauth_at(token=json_answer(body))[1]).expires_at == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "token",
    [
        json_answer({**TOKENS, "token_type": "mac"}),
        json_answer({**TOKENS, "token_type": None}),
        json_answer({**TOKENS, "expires_in": 0}),
        json_answer({**TOKENS, "expires_in": -600}),
        json_answer({**TOKENS, "expires_in": "soon"}),
        raw_answer(
            b'{"access_token": "at-1", "token_type": "Bearer", "expires_in": 1e99999999}',
            content_type="application/json",
        ),
        json_answer({**TOKENS, "refresh_token": ["rt"]}),
        json_answer({**TOKENS, "access_token": ""}),
        json_answer({**TOKENS, "access_token": 5}),
        json_answer({"token_type": "Bearer"}),
        json_answer([]),
        json_answer("at-1"),
        raw_answer(b"access_token=at-1&token_type=bearer", content_type="application/x-www-form-urlencoded"),
        raw_answer(b""),
        json_answer(TOKENS, 500),
    ],
)
def test_tokens_that_make_no_sense(token: Any) -> None:
    with pytest.raises(BankUnavailable):
        exchange(oauth_at(token=token)[1])


@pytest.mark.parametrize(
    ("status", "error", "raised"),
    [
        (400, "invalid_grant", BankAccessLost),
        (401, "invalid_client", BankConfigurationError),
        (400, "unauthorized_client", BankConfigurationError),
        (400, "invalid_request", BankRefused),
        (400, "invalid_scope", BankRefused),
        (400, "temporarily_unavailable", BankUnavailable),
        (400, "something_of_its_own", BankRefused),
        (200, "invalid_grant", BankAccessLost),
        (429, None, BankRateLimited),
        (400, None, BankRefused),
        (401, None, BankConfigurationError),
    ],
)
def test_a_refused_refresh(status: int, error: str | None, raised: type[BankError]) -> None:
    body = {"error": error, "error_description": "Ana Horvat rt-0"} if error else {"message": "no"}
    with pytest.raises(raised) as caught:
        oauth_at(token=json_answer(body, status))[1].refresh(refresh_token="rt-0")
    assert type(caught.value) is raised
    assert getattr(caught.value, "reason", "refused") == "refused"
    assert "rt-0" not in str(caught.value)
    assert "Ana" not in str(caught.value)


def test_a_refused_code_is_refused_for_good() -> None:
    token = json_answer({"error": "invalid_grant"}, 400)
    bank, oauth = oauth_at(token=token)
    with pytest.raises(BankRefused):
        exchange(oauth)
    assert [request.url.path for request in bank.requests].count(TOKEN_PATH) == 1
