from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.banks.berlin_group.errors import failure, message_codes
from shared.banks.http import Reply
from shared.domain.errors import (
    BankAccessLost,
    BankConfigurationError,
    BankError,
    BankRateLimited,
    BankRefused,
    BankTokenExpired,
    BankUnavailable,
)
from tests.unit.banks.scripted_bank import NOW


def messages(code: str) -> dict[str, Any]:
    return {"tppMessages": [{"category": "ERROR", "code": code, "path": "/x", "text": "Ana Horvat"}]}


def problem(code: str) -> dict[str, Any]:
    return {"type": "https://bank.example/errors", "title": "no", "detail": "Ana Horvat", "code": code}


@pytest.mark.parametrize("form", [messages, problem])
@pytest.mark.parametrize(
    ("status", "code", "error", "reason"),
    [
        (401, "TOKEN_EXPIRED", BankTokenExpired, None),
        (401, "TOKEN_INVALID", BankAccessLost, "refused"),
        (401, "TOKEN_UNKNOWN", BankAccessLost, "refused"),
        (403, "TOKEN_UNKNOWN", BankAccessLost, "refused"),
        (401, "CONSENT_EXPIRED", BankAccessLost, "expired"),
        (403, "CONSENT_EXPIRED", BankAccessLost, "expired"),
        (401, "CONSENT_INVALID", BankAccessLost, "revoked"),
        (403, "CONSENT_UNKNOWN", BankAccessLost, "refused"),
        (400, "CONSENT_UNKNOWN", BankAccessLost, "refused"),
        (401, "CERTIFICATE_EXPIRED", BankConfigurationError, None),
        (401, "CERTIFICATE_MISSING", BankConfigurationError, None),
        (401, "CERTIFICATE_BLOCKED", BankConfigurationError, None),
        (401, "SIGNATURE_INVALID", BankConfigurationError, None),
        (400, "SIGNATURE_MISSING", BankConfigurationError, None),
        (401, "ROLE_INVALID", BankConfigurationError, None),
        (429, "ACCESS_EXCEEDED", BankRateLimited, None),
        (400, "PERIOD_INVALID", BankRefused, None),
        (400, "PARAMETER_NOT_SUPPORTED", BankRefused, None),
        (400, "FORMAT_ERROR", BankRefused, None),
        (404, "RESOURCE_UNKNOWN", BankRefused, None),
        (406, "REQUESTED_FORMATS_INVALID", BankRefused, None),
        (409, "STATUS_INVALID", BankRefused, None),
        (400, "A_CODE_OF_ITS_OWN", BankRefused, None),
    ],
)
def test_the_standards_codes(
    form: Any, status: int, code: str, error: type[BankError], reason: str | None
) -> None:
    told = failure("any-bank", Reply(status, {}, form(code), is_json=True), now=NOW)
    assert type(told) is error
    assert told.bank_id == "any-bank"
    assert getattr(told, "reason", None) == reason
    assert "Ana" not in str(told)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, BankRefused),
        (401, BankTokenExpired),
        (403, BankRefused),
        (404, BankRefused),
        (405, BankRefused),
        (408, BankUnavailable),
        (415, BankRefused),
        (429, BankRateLimited),
    ],
)
@pytest.mark.parametrize(
    "body", [None, {}, [], "no", {"tppMessages": "no"}, {"tppMessages": [None, {"code": 5}]}]
)
def test_without_a_code_the_status_tells(status: int, error: type[BankError], body: Any) -> None:
    assert type(failure("any-bank", Reply(status, {}, body, is_json=True), now=NOW)) is error


def test_a_code_that_is_known_wins_over_one_that_is_not() -> None:
    body = {"code": "UNAUTHORIZED", "additionalErrors": [{"code": "CONSENT_EXPIRED", "detail": "…"}]}
    told = failure("any-bank", Reply(401, {}, body, is_json=True), now=NOW)
    assert isinstance(told, BankAccessLost)
    assert told.reason == "expired"


def test_a_warning_is_no_error() -> None:
    body = {"tppMessages": [{"category": "WARNING", "code": "CONSENT_EXPIRED"}, {"code": "FORMAT_ERROR"}]}
    assert message_codes(body) == ("FORMAT_ERROR",)


def test_free_text_in_place_of_a_code_is_not_repeated() -> None:
    told = failure("any-bank", Reply(400, {}, {"code": "HR1210010051863000160 Ana"}, is_json=True), now=NOW)
    assert str(told) == "The bank refused the request (HTTP 400)."


def test_a_limit_says_when_it_ends() -> None:
    reply = Reply(429, {"retry-after": "3600"}, messages("ACCESS_EXCEEDED"), is_json=True)
    told = failure("any-bank", reply, now=NOW)
    assert isinstance(told, BankRateLimited)
    assert told.retry_at == NOW + timedelta(hours=1)
