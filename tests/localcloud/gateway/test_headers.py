from __future__ import annotations

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from localcloud.gateway.headers import reply_headers, request_headers, too_large


def forwarded(*received: tuple[bytes, bytes], token: str | None = "gateway") -> CIMultiDict[str]:
    return request_headers(received, client_address="203.0.113.7", token=token)


def test_the_clients_authorization_moves_and_the_gateways_takes_its_place() -> None:
    headers = forwarded((b"authorization", b"ApiKey tok"))

    assert headers["X-Forwarded-Authorization"] == "ApiKey tok"
    assert headers.getall("Authorization") == ["Bearer gateway"]


def test_a_forged_forwarded_authorization_is_replaced_when_authorization_came_too() -> None:
    headers = forwarded((b"X-Forwarded-Authorization", b"forged"), (b"Authorization", b"ApiKey tok"))

    assert headers.getall("X-Forwarded-Authorization") == ["ApiKey tok"]


def test_a_forged_forwarded_authorization_alone_is_passed_on() -> None:
    headers = forwarded((b"X-Forwarded-Authorization", b"forged"))

    assert headers.getall("X-Forwarded-Authorization") == ["forged"]


def test_without_a_token_no_authorization_remains() -> None:
    assert "Authorization" not in forwarded((b"Authorization", b"ApiKey tok"), token=None)


def test_the_clients_address_and_the_gateways_own_are_appended() -> None:
    headers = forwarded(
        (b"X-Forwarded-For", b"198.51.100.1"),
        (b"X-Forwarded-Proto", b"gopher"),
        (b"X-Forwarded-Host", b"forged.example"),
        (b"Host", b"api.example"),
    )

    assert headers["X-Forwarded-For"] == "198.51.100.1,203.0.113.7,127.0.0.1"
    assert headers.getall("X-Forwarded-Proto") == ["http"]
    assert headers.getall("X-Forwarded-Host") == ["api.example"]


def test_hop_by_hop_headers_stay_behind() -> None:
    headers = forwarded(
        (b"Connection", b"keep-alive, X-Private"),
        (b"X-Private", b"1"),
        (b"TE", b"trailers"),
        (b"Upgrade", b"h2c"),
        (b"Transfer-Encoding", b"chunked"),
        (b"X-Kept", b"1"),
        (b"X-Kept", b"2"),
    )

    assert headers.getall("X-Kept") == ["1", "2"]
    assert not {"Connection", "X-Private", "TE", "Upgrade", "Transfer-Encoding"} & set(headers)


def test_bytes_that_are_no_utf8_are_taken_for_latin_1() -> None:
    headers = forwarded((b"X-Name", b"Ji\xf8\xed"), (b"X-Utf8", "Đuro".encode()))

    assert headers["X-Name"] == "Jiøí"
    assert headers["X-Utf8"] == "Đuro"


@pytest.mark.parametrize(
    ("count", "size_bytes", "refused"),
    [(95, 100, False), (96, 100, True), (1, 7_900, False), (1, 8_100, True), (10, 7_000, True)],
)
def test_headers_that_a_function_could_only_refuse_with_html(
    count: int, size_bytes: int, refused: bool
) -> None:
    assert too_large([(b"X-Padding", b"a" * size_bytes)] * count) is refused


def test_the_reply_keeps_its_length_only_without_a_body() -> None:
    reply = CIMultiDictProxy(
        CIMultiDict({"Content-Length": "5", "Server": "gunicorn", "Connection": "close", "X-Kept": "1"})
    )

    assert dict(reply_headers(reply, keep_length=False)) == {"X-Kept": "1"}
    assert dict(reply_headers(reply, keep_length=True)) == {"X-Kept": "1", "Content-Length": "5"}
