"""Whatever body a client sends, it gets JSON that says what is wrong and where: never a 5xx, never a web page.

The client judges every reply by the document; these tests say which refusal it must be.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from tests.contract.conftest import BANK, CALLBACK
from tests.contract.openapi import ContractClient
from tests.contract.refusals import has_code, refused

pytestmark = pytest.mark.stack

JSON = {"Content-Type": "application/json"}
GOOD = {"bankId": BANK, "callbackUrl": CALLBACK}


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in GOOD.items() if key != name}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"bankId": "erste-hr", }',
        b"{'bankId': 'erste-hr'}",
        b"null",
        b"true",
        b"17",
        b"NaN",
        b'"text"',
        b"[]",
        b"[{}]",
        b"<consent/>",
        b"bankId=erste-hr",
        json.dumps(GOOD).encode() + b"}",
        json.dumps(GOOD).encode("utf-16"),
        gzip.compress(json.dumps(GOOD).encode(), mtime=0),
        b"\x00",
        b'{"bankId": "\xff\xfe"}',
        b'{"bankId": "\xed\xa0\x80"}',
        b'{"bankId": "a\x00b"}',
        b"[" * 100_000,
        b'{"bankId":' * 20_000,
        b"[" * 100_000 + b"]" * 100_000,
    ],
    ids=lambda body: repr(body[:24]),
)
@pytest.mark.parametrize("idempotent", [False, True])
def test_bodies_that_are_no_json_object(visitor: ContractClient, body: bytes, idempotent: bool) -> None:
    headers = {**JSON, **({"Idempotency-Key": "bad-body"} if idempotent else {})}
    refused(visitor.post("/consents", content=body, headers=headers), "body", "bankId")


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("bankId", {}),
        ("bankId", without("bankId")),
        ("callbackUrl", without("callbackUrl")),
        *[("bankId", {**GOOD, "bankId": value}) for value in (None, 1, 1.5, True, [BANK], {"id": BANK}, "")],
        *[
            ("bankId", {**GOOD, "bankId": value})
            for value in ("no-such-bank", "ERSTE-HR", " erste-hr", "č" * 9)
        ],
        *[("bankId", {**GOOD, "bankId": value}) for value in ("../erste-hr", "erste-hr\x00", "x" * 100_000)],
        *[
            ("callbackUrl", {**GOOD, "callbackUrl": value})
            for value in (None, 1, [CALLBACK], "", " ", "nope")
        ],
        *[
            ("callbackUrl", {**GOOD, "callbackUrl": value})
            for value in (
                "http://app.bilko.io/banking/callback",
                "ftp://app.bilko.io/",
                "//app.bilko.io/",
                "/banking/callback",
                "https://",
                "https:///callback",
                "https://app.bilko.io:99999/",
                "https://app.bilko.io:x/",
                "https://[::1",
                "https://app.bilko.io/a b",
                "https://app.bilko.io/\r\nSet-Cookie: a=b",
                "https://app.bilko.io/\x00",
                "javascript:alert(1)//https://app.bilko.io/",
                "data:text/html,hello",
                "https://app.bilko.io/" + "x" * 10_000,
            )
        ],
        *[
            ("state", {**GOOD, "state": value})
            for value in (1, True, ["a"], {"a": "b"}, "x" * 513, "a\x00b", "\n\x1b")
        ],
        *[
            ("psuIpAddress", {**GOOD, "psuIpAddress": value})
            for value in (
                1,
                ["203.0.113.7"],
                "",
                "x",
                "203.0.113.256",
                "203.0.113",
                "2001:db8:::7",
                "203.0.113.7/8",
            )
        ],
        ("bankID", {**GOOD, "bankID": BANK}),
        ("extra", {**GOOD, "extra": None}),
        ("a?b", {**GOOD, "a\x1fb": 1}),
        ("__proto__", {**GOOD, "__proto__": {}}),
    ],
    ids=lambda value: value if isinstance(value, str) else ascii(value)[:60],
)
def test_fields_that_cannot_be_accepted(visitor: ContractClient, field: str, body: dict[str, Any]) -> None:
    refused(visitor.post("/consents", json=body), field, "body" if field == "a?b" else field)


@pytest.mark.parametrize("value", [r'"\ud800"', r'"\udc00\ud800"', r'"a\ud83d"'])
@pytest.mark.parametrize("field", ["bankId", "callbackUrl", "state", "psuIpAddress", r"\ud800"])
def test_lone_surrogates(visitor: ContractClient, field: str, value: str) -> None:
    body = json.dumps({name: text for name, text in GOOD.items() if name != field})[:-1]
    content = f'{body}, "{field}": {value}}}'
    refused(visitor.post("/consents", content=content, headers=JSON), field, "body")


@pytest.mark.parametrize("number", ["9" * 400, "-" + "9" * 5_000, "1e999", "1e-999", "0." + "3" * 5_000])
@pytest.mark.parametrize("field", ["bankId", "callbackUrl", "state", "other"])
def test_huge_numbers(visitor: ContractClient, field: str, number: str) -> None:
    body = json.dumps({name: text for name, text in GOOD.items() if name != field})[:-1]
    content = f'{body}, "{field}": {number}}}'
    refused(visitor.post("/consents", content=content, headers=JSON), field, "body")


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "text/json",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "application/jsonp",
        "application",
        "/",
        ";",
        "application/json, text/html",
        "application/json\tx",
    ],
)
def test_content_types(visitor: ContractClient, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    has_code(
        visitor.post("/consents", content=json.dumps(GOOD), headers=headers), 415, "UNSUPPORTED_MEDIA_TYPE"
    )


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json;"]
)
def test_content_types_that_are_json(client: ContractClient, content_type: str) -> None:
    reply = client.post("/consents", content=json.dumps(GOOD), headers={"Content-Type": content_type})
    assert reply.status_code == 201, reply.text


@pytest.mark.parametrize("size_mb", [1, 20, 50])
@pytest.mark.parametrize("streamed", [False, True], ids=["with its length", "in chunks"])
def test_large_bodies(visitor: ContractClient, size_mb: int, streamed: bool) -> None:
    block = b" " * 1024 * 1024
    body: Any = (block for _ in range(size_mb)) if streamed else block * size_mb
    has_code(visitor.post("/consents", content=body, headers=JSON), 413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize(
    "key", ["", "x" * 256, "two words", "tab\tbed", "č".encode(), b"\xff", b"\x80" * 10], ids=repr
)
def test_idempotency_keys(visitor: ContractClient, key: str | bytes) -> None:
    value = key.encode() if isinstance(key, str) else key
    reply = visitor.post("/consents", json=GOOD, headers={b"Idempotency-Key": value})
    refused(reply, "Idempotency-Key")
