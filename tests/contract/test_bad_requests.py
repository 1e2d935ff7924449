"""Paths, methods and bytes that are none of the API's: JSON all the same, never a 5xx, never a web page."""

from __future__ import annotations

import json

import pytest

from tests.contract import raw_http
from tests.contract.conftest import BANK, CALLBACK
from tests.contract.openapi import METHODS, ContractClient, document, takes_user, validate_reply
from tests.contract.refusals import has_code
from tests.stack import Stack

pytestmark = pytest.mark.stack

ANY_ID = "01HXYZ00000000000000000000"
BODY = json.dumps({"bankId": BANK, "callbackUrl": CALLBACK}).encode()
NOBODYS_IDS = {
    "consentId": f"con_{ANY_ID}",
    "accountId": f"acc_{ANY_ID}",
    "transactionId": f"txn_{ANY_ID}",
    "userId": f"usr_{ANY_ID}",
    "invitationId": f"inv_{ANY_ID}",
    "keyId": f"key_{ANY_ID}",
}
IDS_THAT_ARE_NONE = [
    *["x", "con_", "acc_x", f"con_{ANY_ID.lower()}", f"CON_{ANY_ID}", f"con_{ANY_ID}0", f"con_{ANY_ID[:-1]}"],
    *[
        f"con_{ANY_ID[:-1]}U",
        f"con_8{ANY_ID[1:]}",
        f"con_{ANY_ID}%00",
        f"con_{ANY_ID}%0A",
        f"con_{ANY_ID}%20",
    ],
    *[
        "%00",
        "%2F",
        "a%2Fb",
        "..%2F..",
        "%2E%2E",
        "%2E",
        "%5C",
        "%FF",
        "%ED%A0%80",
        "%C0%AF",
        "%25",
        "%",
        "%zz",
    ],
    *[
        "%F0%9F%98%80",
        "__x__",
        "*",
        "'",
        '"',
        "<script>",
        "{id}",
        "con_%D9%A0",
        "x" * 2_000,
        "-",
        "~",
        ";a=b",
    ],
    *["null", "undefined", "0", "robots.txt", "favicon.ico", "a:b", "a@b", "(a)"],
]


@pytest.mark.parametrize("bad", IDS_THAT_ARE_NONE, ids=lambda text: text[:40])
@pytest.mark.parametrize(
    "template",
    [
        template
        for template, item in document()["paths"].items()
        if "{" in template and "get" in item and not takes_user(item["get"])
    ],
    ids=lambda text: text.count("/"),
)
def test_ids_that_are_none(stack: Stack, visitor: ContractClient, template: str, bad: str) -> None:
    for name in [name for name in NOBODYS_IDS if f"{{{name}}}" in template]:
        target = template.format(**{**NOBODYS_IDS, name: bad})
        reply = _exchange(stack, visitor, "GET", target)
        assert reply.status_code in (400, 404, 405)
        if "error" in json.loads(reply.content):
            assert reply.status_code != 400


@pytest.mark.parametrize(
    "target",
    [
        *[
            "/v1",
            "/v1/",
            "/v1/nothing",
            "/v1/accounts/",
            "/v1/accounts//",
            "/v1//accounts",
            "/v1/banks/erste-hr",
        ],
        *[
            "/v1/accounts/x/y",
            "/v1/accounts/x/transactions/y/z",
            "/v1/Accounts",
            "/v1/accounts.json",
            "/v1/../v1/x",
        ],
        *["/v1/robots.txt", "/v1/favicon.ico", "/v1/health", "/v1/%61ccounts/x/y", "/v1/accounts%3Flimit=1"],
        *[
            "/v1/accounts;x=1",
            "/v1/payments",
            "/v1/%00",
            "/v1/%FF",
            "/v1/" + "x" * 3_000,
            "/v1/" + "x/" * 1_000,
        ],
        *[
            "/",
            "/health",
            "/robots.txt",
            "/favicon.ico",
            "/v2/accounts",
            "/V1/accounts",
            "//v1/accounts",
            "/v10",
        ],
    ],
    ids=lambda text: text[:40],
)
def test_paths_that_are_none(stack: Stack, visitor: ContractClient, target: str) -> None:
    reply = _exchange(stack, visitor, "GET", target)
    assert reply.status_code == 404
    if target.startswith("/v1/") and "/.." not in target:
        assert json.loads(reply.content)["error"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize("template", document()["paths"])
def test_methods_that_a_path_lacks(visitor: ContractClient, template: str) -> None:
    has = {name.upper() for name in METHODS if name in document()["paths"][template]}
    has |= {"HEAD"} if "GET" in has else set()
    path = template.removeprefix("/v1").format(**NOBODYS_IDS)
    for method in {"GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH"} - has:
        reply = visitor.request(method, path)
        assert reply.status_code == 405
        if method != "HEAD":
            has_code(reply, 405, "METHOD_NOT_ALLOWED")
        assert {name.strip() for name in reply.headers["Allow"].split(",")} == has


@pytest.mark.parametrize(
    "template", [template for template, item in document()["paths"].items() if "get" in item]
)
def test_head_is_get_without_the_body(visitor: ContractClient, template: str) -> None:
    path = template.removeprefix("/v1").format(**NOBODYS_IDS)
    assert visitor.head(path).status_code == visitor.get(path).status_code


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "BREW", "get", "PROPFIND", "X" * 100])
def test_methods_that_nobody_has(stack: Stack, visitor: ContractClient, method: str) -> None:
    reply = _exchange(stack, visitor, method, "/v1/accounts")
    assert reply.status_code in (400, 404, 405)


@pytest.mark.parametrize(
    "headers",
    [
        "Authorization: ApiKey another\r\n",
        "Authorization: \xff\xfe\r\n",
        "X-Forwarded-Authorization: ApiKey x\r\n",
        "X-Forwarded-For: \xe9, 1, x, 203.0.113.7\r\n",
        "X-Forwarded-Proto: gopher\r\nX-Forwarded-Host: evil.example\r\n",
        "X-Request-Id: <script>\r\n",
        "Accept: text/html\r\nAccept-Language: \xff\r\nAccept-Encoding: br;q=x\r\n",
        "Cookie: " + "a" * 8_000 + "\r\n",
        "X-Padding: " + "a" * 70_000 + "\r\n",
        "X-Many: a\r\n" * 500,
        "Bad Name: a\r\n",
        ": a\r\n",
        "No colon\r\n",
        "X-Null: a\0b\r\n",
        " folded\r\n",
        "Range: bytes=0-0\r\nIf-None-Match: *\r\nIf-Modified-Since: never\r\n",
        "Expect: 100-continue\r\n",
        "Expect: miracles\r\n",
        "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
        "Connection: Authorization\r\n",
        "Content-Length: 0\r\n",
        "X-HTTP-Method-Override: DELETE\r\n",
        'Forwarded: for="_x";host="\xff"\r\n',
    ],
    ids=lambda text: ascii(text[:40]),
)
def test_headers(stack: Stack, visitor: ContractClient, headers: str) -> None:
    reply = _exchange(stack, visitor, "GET", "/v1/banks", headers)
    assert reply.status_code in (200, 400, 401, 417, 431)


@pytest.mark.parametrize(
    ("framing", "body"),
    [
        (b"Transfer-Encoding: chunked", b"5\r\n{}\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: chunked", b"zz\r\n{}\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: chunked", b"-2\r\n{}\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: chunked", b"ffffffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: chunked", b"1\r\n{}\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: chunked", b"2\n{}\n0\n\n"),
        (b"Transfer-Encoding: chunked", b"2;" + b"x" * 70_000 + b"\r\n{}\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 2", b"2\r\n{}\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: chunked, identity", b"2\r\n{}\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: gzip", b"{}"),
        (b"Transfer-Encoding: xchunked", b"2\r\n{}\r\n0\r\n\r\n"),
        (b"Content-Length: abc", b"{}"),
        (b"Content-Length: -1", b"{}"),
        (b"Content-Length: +2", b"{}"),
        (b"Content-Length: 2\r\nContent-Length: 3", b"{} "),
        (b"Content-Length: 99999999999999999999999", b"{}"),
        (b"Content-Length: " + str(len(BODY) + 10).encode(), BODY),
        (b"Content-Length: 1", BODY),
        (b"Content-Length: 0", b""),
        (b"X-None: no length", b""),
    ],
    ids=lambda part: ascii(part[:44]),
)
def test_framing(stack: Stack, visitor: ContractClient, framing: bytes, body: bytes) -> None:
    """A body that ends before it should may get no reply, as nobody is left to read it."""
    start = f"POST /v1/consents HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: {_key(visitor)}\r\n"
    request = start.encode() + b"Content-Type: application/json\r\n" + framing + b"\r\n\r\n" + body
    reply = raw_http.exchange(stack.gateway_url, request, half_close=True)
    if reply is None:
        return
    validate_reply("POST", "/v1/consents", reply)
    assert 400 <= reply.status_code < 500


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\r\n\r\n",
        b"\x00\x01\x02\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /v1/banks\r\n\r\n",
        b"GET /v1/banks HTTP/9.9\r\n\r\n",
        b"GET /v1/banks HTTP/1.1 x\r\n\r\n",
        b"GET /v1/b anks HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET v1/banks HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v1/\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v1/banks#fragment HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://evil.example/v1/banks HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /v1/" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v1/banks HTTP/1.1\nHost: a\n\n",
        b"GET /v1/banks HTTP/1.0\r\n\r\n",
    ],
    ids=lambda part: ascii(part[:40]),
)
def test_bytes_that_are_no_request(stack: Stack, request_bytes: bytes) -> None:
    reply = raw_http.exchange(stack.gateway_url, request_bytes, half_close=True)
    if reply is None:
        return
    assert 400 <= reply.status_code < 500
    body = json.loads(reply.content)
    assert body.keys() in ({"code", "message"}, {"error"})


def _key(client: ContractClient) -> str:
    return client.headers["Authorization"]


def _exchange(
    stack: Stack, client: ContractClient, method: str, target: str, headers: str = ""
) -> raw_http.RawReply:
    api_key = _key(client).removeprefix("ApiKey ")
    request = raw_http.get(target, api_key=api_key, method=method, headers=headers)
    reply = raw_http.exchange(stack.gateway_url, request)
    assert reply is not None, "the connection was closed without a reply"
    validate_reply(method, target, reply)
    return reply
