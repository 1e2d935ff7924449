"""A bank at the end of httpx's transport: each test says what it answers, and sees what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec

from shared.banks.profile import BankProfile, BankSetup
from shared.domain.bank_data import BankAccess, BankAccount

BASE_URL = "https://bank.example/psd2"
ISSUER = "https://bank.example/psd2"
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
ACCESS = BankAccess(bank_consent_id="consent-1", access_token="access-secret")
ACCOUNT = BankAccount(
    resource_id="account-1",
    iban="HR1210010051863000160",
    masked_identity=None,
    currency="EUR",
    name="Tekući račun",
    owner_name="Ana Horvat",
    type="current",
)
PROFILE = BankProfile(
    id="any-bank",
    name="Any Bank",
    country="HR",
    bic="ANYBHR22",
    base_urls={"sandbox": "{sandbox}/any-bank"},
    issuers={"sandbox": "{sandbox}/any-bank"},
    partner_auth="basic",
    time_zone="Europe/Zagreb",
    features=("accounts",),
)

Answer = Callable[[httpx.Request], httpx.Response]


class FixedClock:
    def now(self) -> datetime:
        return NOW


class ScriptedBank(httpx.BaseTransport):
    """Answers by method and path. A path that is not scripted fails the test."""

    def __init__(self, answers: Mapping[tuple[str, str], httpx.Response | Answer | Exception]) -> None:
        self._answers = answers
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        answer = self._answers[(request.method, request.url.path)]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)


def json_answer(body: Any, status: int = 200, **headers: str) -> Answer:
    return raw_answer(json.dumps(body).encode(), status, **{"content_type": "application/json", **headers})


def raw_answer(body: bytes, status: int = 200, **headers: str) -> Answer:
    """Streamed, as a network would: httpx gives a body that was set at once as already consumed."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(
            status,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            stream=httpx.ByteStream(body),
        )

    return answer


def setup_of(profile: BankProfile = PROFILE, **rules: Any) -> BankSetup:
    return BankSetup(
        profile=msgspec.structs.replace(profile, **rules),
        base_url=BASE_URL,
        issuer=ISSUER,
        client_id="tok",
        client_secret="client-secret",
        timeout_seconds=20.0,
    )


METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/oauth2/authorize",
    "token_endpoint": f"{ISSUER}/oauth2/token",
    "response_types_supported": ["code"],
    "code_challenge_methods_supported": ["S256"],
    "authorization_response_iss_parameter_supported": True,
}
METADATA_PATH = "/.well-known/oauth-authorization-server/psd2"
