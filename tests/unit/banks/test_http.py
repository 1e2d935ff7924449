"""What can go wrong between us and a bank, and what must never leave."""

from __future__ import annotations

import gzip
import logging
import socket
import uuid
from collections.abc import Iterator
from datetime import timedelta

import httpx
import msgspec
import pytest

from shared.banks import http as bank_http
from shared.banks.http import MAX_BODY_BYTES, BankHttp, segment
from shared.domain.errors import BankTimeout, BankUnavailable
from tests.unit.banks.scripted_bank import (
    BASE_URL,
    NOW,
    FixedClock,
    ScriptedBank,
    json_answer,
    raw_answer,
    setup_of,
)

URL = f"{BASE_URL}/v1/accounts"
PATH = "/psd2/v1/accounts"


def bank(answer: object) -> tuple[ScriptedBank, BankHttp]:
    scripted = ScriptedBank({("GET", PATH): answer})  # type: ignore[dict-item]
    return scripted, BankHttp(setup_of(), transport=scripted)


def test_json_numbers_stay_exact() -> None:
    _, http = bank(
        raw_answer(b'{"amount": 0.10, "big": 123456789012345678901}', content_type="application/json")
    )
    body = http.call("GET", URL).body
    assert str(body["amount"]) == "0.10"
    assert body["big"] == 123456789012345678901


def test_every_call_has_its_own_request_id() -> None:
    scripted, http = bank(json_answer({}))
    http.call("GET", URL)
    http.call("GET", URL)
    first, second = (uuid.UUID(request.headers["x-request-id"]) for request in scripted.requests)
    assert first != second


@pytest.mark.parametrize(
    "answer",
    [
        raw_answer(b"<html><body>maintenance</body></html>", content_type="text/html"),
        raw_answer(b"<html>", content_type="application/json"),
        raw_answer(b'{"accounts": [', content_type="application/json"),
        raw_answer(b"[" * 100_000, content_type="application/json"),
        raw_answer(b'{"a": NaN}', content_type="application/json"),
        raw_answer(b'{"a": "\xff"}', content_type="application/json"),
        raw_answer(b"{}"),
        raw_answer(b"<Document/>", content_type="application/xml"),
        raw_answer(b"PK\x03\x04", content_type="application/zip"),
        raw_answer(b"<html>", 401, content_type="text/html"),
        raw_answer(b"not gzip", content_type="application/json", content_encoding="gzip"),
        raw_answer(gzip.compress(b'{"a": 1}')[:-6], content_type="application/json", content_encoding="gzip"),
        raw_answer(b"{}", content_type="application/json", content_encoding="br"),
        json_answer({"error": "x"}, 500),
        json_answer({"error": "x"}, 503),
        raw_answer(b"", 302, location="https://bank.example/login"),
        raw_answer(b"", 307, location="https://elsewhere.example/"),
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("no route"),
        httpx.RemoteProtocolError("closed in the middle"),
        httpx.ReadError("reset"),
    ],
)
def test_an_answer_that_is_no_answer_is_unavailable(answer: object) -> None:
    scripted, http = bank(answer)
    with pytest.raises(BankUnavailable):
        http.call("GET", URL)
    assert len(scripted.requests) == 1


@pytest.mark.parametrize("error", [httpx.ReadTimeout("slow"), httpx.WriteTimeout("slow")])
def test_no_answer_in_time_is_a_timeout(error: Exception) -> None:
    _, http = bank(error)
    with pytest.raises(BankTimeout):
        http.call("GET", URL)


def test_a_real_connection_that_stays_silent_or_is_refused() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        setup = msgspec.structs.replace(setup_of(), base_url=address, issuer=address, timeout_seconds=0.2)
        with pytest.raises(BankUnavailable):
            BankHttp(setup).call("GET", address)
        listener.listen()
        with pytest.raises(BankTimeout):
            BankHttp(setup).call("GET", address)


def test_a_body_that_drips_runs_into_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(bank_http.time, "monotonic", lambda: now)

    class Drip(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            nonlocal now
            for _ in range(100):
                now += 5.0
                yield b" "

    _, http = bank(lambda _: httpx.Response(200, headers={"content-type": "application/json"}, stream=Drip()))
    with pytest.raises(BankTimeout):
        http.call("GET", URL)
    assert now <= 25.0


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_a_body_past_the_cap_is_not_read(encoding: str) -> None:
    body = b'"' + b"x" * MAX_BODY_BYTES + b'"'
    if encoding == "gzip":
        body = gzip.compress(body)
        assert len(body) < 100_000
    _, http = bank(raw_answer(body, content_type="application/json", content_encoding=encoding))
    with pytest.raises(BankUnavailable, match="too much"):
        http.call("GET", URL)


def test_gzip_is_read() -> None:
    answer = raw_answer(
        gzip.compress(b'{"a": 1}'), content_type="application/json; charset=utf-8", content_encoding="gzip"
    )
    assert bank(answer)[1].call("GET", URL).body == {"a": 1}


def test_a_limit_told_in_html_is_still_a_limit() -> None:
    reply = bank(raw_answer(b"<html>", 429, content_type="text/html", retry_after="7"))[1].call("GET", URL)
    assert (reply.status, reply.body, reply.headers["retry-after"]) == (429, None, "7")


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/psd2/v1/accounts",
        "http://bank.example/psd2/v1/accounts",
        "https://bank.example:8443/psd2/v1/accounts",
        "https://bank.example@elsewhere.example/",
        "https://bank.example:pass@bank.example/",  # pragma: allowlist secret
        "https://bank.example\\@elsewhere.example/",
        "https://bank.example.elsewhere.example/",
        "https://[broken/",
        "https://bank.example:99999999/",
        "file:///etc/passwd",
        "//elsewhere.example/",
        "",
    ],
)
def test_nothing_is_sent_to_another_origin(url: str) -> None:
    scripted, http = bank(json_answer({}))
    with pytest.raises(BankUnavailable):
        http.call("GET", url, headers={"Authorization": "Bearer access-secret"})
    assert scripted.requests == []


def test_the_default_port_is_the_same_origin() -> None:
    _, http = bank(json_answer({}))
    assert http.own("https://BANK.example:443/x") == "https://BANK.example:443/x"


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        ("/psd2/v1/x?a=1", "https://bank.example/psd2/v1/x?a=1"),
        ("x?page=2", f"{BASE_URL}/v1/x?page=2"),
        ("?page=2", f"{URL}?page=2"),
        ("https://bank.example/other", "https://bank.example/other"),
    ],
)
def test_links_resolve_against_the_request(href: str, expected: str) -> None:
    assert bank(json_answer({}))[1].resolve(URL, href) == expected


@pytest.mark.parametrize(
    "href", ["//elsewhere.example/x", "https://elsewhere.example/", "javascript:alert(1)"]
)
def test_a_link_to_a_foreign_host_is_refused(href: str) -> None:
    with pytest.raises(BankUnavailable):
        bank(json_answer({}))[1].resolve(URL, href)


def test_no_cookie_is_ever_sent_back() -> None:
    scripted, http = bank(json_answer({}, set_cookie="session=of-another-psu; Path=/"))
    http.call("GET", URL)
    http.call("GET", URL)
    assert "cookie" not in scripted.requests[1].headers


def test_nothing_of_a_call_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    _, http = bank(json_answer({"iban": "HR1210010051863000160"}))
    with caplog.at_level(logging.INFO):
        http.call("GET", URL, headers={"Authorization": "Bearer access-secret"}, params={"iban": "HR12"})
    assert caplog.records == []


def test_errors_hold_nothing_of_the_payload() -> None:
    _, http = bank(raw_answer(b"<p>Ana Horvat HR1210010051863000160</p>", content_type="text/html"))
    with pytest.raises(BankUnavailable) as raised:
        http.call("GET", URL)
    assert str(raised.value) == "The bank did not answer in JSON."
    assert raised.value.__cause__ is None


def test_a_header_that_cannot_be_sent_is_unavailable() -> None:
    _, http = bank(json_answer({}))
    with pytest.raises(BankUnavailable):
        http.call("GET", URL, headers={"Consent-ID": "š"})


def test_a_path_segment_is_quoted() -> None:
    assert segment("a/b?c#d%") == "a%2Fb%3Fc%23d%25"
    for climbing in ("", ".", ".."):
        with pytest.raises(ValueError, match="segment"):
            segment(climbing)


def test_the_sandboxs_bank_is_told_how_far_ahead_the_organisation_is() -> None:
    for offset_seconds, sent in ((0, None), (7_862_400, "7862400")):
        scripted = ScriptedBank({("GET", PATH): json_answer({})})
        setup = msgspec.structs.replace(setup_of(), clock_offset_seconds=offset_seconds)
        BankHttp(setup, transport=scripted).call("GET", URL)
        assert scripted.requests[0].headers.get("sandbox-clock-offset-seconds") == sent


@pytest.mark.parametrize(("retry_after", "seconds"), [("120", 120), (None, None), ("soon", None)])
def test_a_banks_retry_after_on_503_is_kept(retry_after: str | None, seconds: int | None) -> None:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    scripted = ScriptedBank({("GET", PATH): json_answer({}, 503, **headers)})
    with pytest.raises(BankUnavailable) as failure:
        BankHttp(setup_of(), clock=FixedClock(), transport=scripted).call("GET", URL)
    assert failure.value.retry_at == (None if seconds is None else NOW + timedelta(seconds=seconds))
