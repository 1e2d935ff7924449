"""The gateway over real sockets: an aiohttp backend behind it, and an identity server that signs its tokens."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from joserfc import jws
from yarl import URL

from localcloud.clock import SystemClock
from localcloud.gateway import server
from localcloud.gateway.proxy import Gateway
from localcloud.gateway.routes import RouteTable
from localcloud.identity.keys import SigningKeys
from localcloud.identity.mint import TokenMinter
from localcloud.identity.server import IdentityServer

GATEWAY = "gateway@tok.iam.gserviceaccount.com"
Scenario = Callable[["Client"], Coroutine[Any, Any, None]]


class Client:
    def __init__(self, session: aiohttp.ClientSession, *, port: int, backend: Backend) -> None:
        self.session = session
        self.port = port
        self.backend = backend

    async def call(self, method: str, target: str, **options: Any) -> tuple[aiohttp.ClientResponse, bytes]:
        url = URL(f"http://127.0.0.1:{self.port}{target}", encoded=True)
        async with self.session.request(method, url, allow_redirects=False, **options) as reply:
            return reply, await reply.read()

    async def raw(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        await writer.drain()
        reply = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        return reply


class Backend:
    """Tells what it received; `behave` may answer in its place."""

    def __init__(self) -> None:
        self.calls: list[web.BaseRequest] = []
        self.behave: (
            Callable[[web.BaseRequest, int], Coroutine[Any, Any, web.StreamResponse | None]] | None
        ) = None

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.calls.append(request)
        if self.behave:
            reply = await self.behave(request, len(self.calls))
            if reply is not None:
                return reply
        body = await request.read() if request.can_read_body else b""
        return web.json_response(
            {
                "target": request.raw_path,
                "method": request.method,
                "headers": [[name, value] for name, value in request.headers.items()],
                "bodyBytes": len(body),
            }
        )


@asynccontextmanager
async def serve(handler: Any) -> AsyncIterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    try:
        yield listener.getsockname()[1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serve_identity(folder: Path) -> AsyncIterator[str]:
    keys = SigningKeys(folder, clock=SystemClock(), rotate_after_seconds=86_400)
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    identity = IdentityServer(keys, issuer=url, base_url=url, default_email=GATEWAY)
    runner = web.AppRunner(identity.application(), shutdown_timeout=0.1)
    await runner.setup()
    await web.SockSite(runner, listener).start()
    try:
        yield url
    finally:
        await runner.cleanup()


def play(scenario: Scenario, folder: Path, *, deadline: float = 30.0, limit_bytes: int = 1_000_000) -> None:
    async def run() -> None:
        backend = Backend()
        async with serve_identity(folder) as identity, serve(backend.handle) as backend_port:
            methods = ("get", "put", "post", "delete", "options", "head", "patch")
            with socket.create_server(("127.0.0.1", 0)) as unused:
                dead_port = unused.getsockname()[1]
            document = {
                "x-google-api-management": {
                    "backends": {
                        "up": {
                            "address": f"http://127.0.0.1:{backend_port}",
                            "jwtAudience": "https://up.example",
                            "deadline": deadline,
                        },
                        "down": {"address": f"http://127.0.0.1:{dead_port}", "deadline": deadline},
                    }
                },
                "paths": {
                    "/v1/down": {"get": {"x-google-backend": "down"}},
                    "/v1/{path}": {
                        "parameters": [{"name": "path", "x-google-parameter": {"pattern": "**"}}],
                        **{method: {"x-google-backend": "up"} for method in methods},
                    },
                },
            }
            async with server.backend_session() as session, aiohttp.ClientSession() as client:
                gateway = Gateway(
                    RouteTable(document),
                    session=session,
                    minter=TokenMinter(session, identity_url=identity),
                    service_account=GATEWAY,
                    max_body_bytes=limit_bytes,
                )
                listener = socket.create_server(("127.0.0.1", 0))
                port = listener.getsockname()[1]
                runner = await server.start(gateway.handle, listener=listener)
                try:
                    await scenario(Client(client, port=port, backend=backend))
                finally:
                    await runner.cleanup()

    asyncio.run(run())


def test_the_gateways_identity_token_stands_in_authorization(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        _, body = await client.call("GET", "/v1/x", headers={"Authorization": "ApiKey tok"})
        seen = dict(json.loads(body)["headers"])
        claims = json.loads(jws.extract_compact(seen["Authorization"].split()[1].encode()).payload)
        assert claims["email"] == GATEWAY
        assert claims["aud"] == "https://up.example"
        assert seen["X-Forwarded-Authorization"] == "ApiKey tok"
        assert seen["X-Forwarded-For"] == "127.0.0.1,127.0.0.1"
        assert seen["X-Forwarded-Host"] == f"127.0.0.1:{client.port}"

    play(scenario, tmp_path)


@pytest.mark.parametrize(
    "target", ["/v1/a%2Fb?x=%00&x=%zz&y=a+b", "/v1//a/../b/./c", "/v1/%E2%82%AC|{}?q=a|b", "/v1/a;b=c?&&="]
)
def test_the_target_arrives_as_it_was_sent(tmp_path: Path, target: str) -> None:
    async def scenario(client: Client) -> None:
        reply = await client.raw(f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        assert json.loads(reply.split(b"\r\n\r\n", 1)[1])["target"] == target

    play(scenario, tmp_path)


def test_replies_are_relayed_whole(tmp_path: Path) -> None:
    async def redirect(_request: web.BaseRequest, _count: int) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "https://a.example/?x=%2F", "X-Own": "1"})

    async def scenario(client: Client) -> None:
        client.backend.behave = redirect
        reply, body = await client.call("GET", "/v1/callback")
        assert (reply.status, body) == (302, b"")
        assert reply.headers["Location"] == "https://a.example/?x=%2F"
        assert reply.headers["X-Own"] == "1"

    play(scenario, tmp_path)


def test_an_empty_reply_gets_no_content_type(tmp_path: Path) -> None:
    async def bare(request: web.BaseRequest, _count: int) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")
        request.transport.close()
        return web.Response()

    async def scenario(client: Client) -> None:
        client.backend.behave = bare
        reply = await client.raw(b"GET /v1/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert reply.startswith(b"HTTP/1.1 302 Found")
        assert b"content-type" not in reply.lower()

    play(scenario, tmp_path)


def test_head_has_the_length_and_no_body(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        reply, body = await client.call("HEAD", "/v1/x")
        assert (reply.status, body) == (200, b"")
        assert int(reply.headers["Content-Length"]) > 0

    play(scenario, tmp_path)


def test_a_broken_connection_is_tried_once_more(tmp_path: Path) -> None:
    async def break_first(request: web.BaseRequest, count: int) -> web.StreamResponse | None:
        if count == 1:
            assert request.transport is not None
            request.transport.abort()
        return None

    async def scenario(client: Client) -> None:
        client.backend.behave = break_first
        reply, body = await client.call("POST", "/v1/x", data=b"twelve bytes")
        assert reply.status == 200
        assert json.loads(body)["bodyBytes"] == 12
        assert len(client.backend.calls) == 2

    play(scenario, tmp_path)


def test_a_backend_that_breaks_twice_is_503(tmp_path: Path) -> None:
    async def break_always(request: web.BaseRequest, _count: int) -> web.StreamResponse | None:
        assert request.transport is not None
        request.transport.abort()
        return None

    async def scenario(client: Client) -> None:
        client.backend.behave = break_always
        reply, body = await client.call("POST", "/v1/x", data=b"x")
        assert reply.status == 503
        assert json.loads(body)["code"] == 503
        assert len(client.backend.calls) == 2

    play(scenario, tmp_path)


def test_a_backend_that_is_down_is_503(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        reply, body = await client.call("GET", "/v1/down")
        assert reply.status == 503
        assert reply.content_type == "application/json"
        assert json.loads(body)["code"] == 503

    play(scenario, tmp_path)


def test_the_deadline_is_504(tmp_path: Path) -> None:
    async def hang(_request: web.BaseRequest, _count: int) -> web.StreamResponse | None:
        await asyncio.sleep(60)
        return None

    async def scenario(client: Client) -> None:
        client.backend.behave = hang
        reply, body = await client.call("GET", "/v1/x")
        assert reply.status == 504
        assert json.loads(body) == {"code": 504, "message": "upstream request timeout"}

    play(scenario, tmp_path, deadline=0.3)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_413_in_the_apis_format(tmp_path: Path, chunked: bool) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(30):
            yield b"x" * 100_000

    async def scenario(client: Client) -> None:
        reply, body = await client.call("POST", "/v1/x", data=parts() if chunked else b"x" * 3_000_000)
        error = json.loads(body)["error"]
        assert reply.status == 413
        assert error["code"] == "PAYLOAD_TOO_LARGE"
        assert reply.headers["X-Request-Id"] == error["requestId"]
        assert client.backend.calls == []

    play(scenario, tmp_path, limit_bytes=1_048_576)


def test_a_body_up_to_the_limit_passes(tmp_path: Path) -> None:
    async def scenario(client: Client) -> None:
        _, body = await client.call(
            "POST", "/v1/x", data=b"x" * 1_000_000, headers={"Expect": "100-continue"}
        )
        assert json.loads(body)["bodyBytes"] == 1_000_000

    play(scenario, tmp_path, limit_bytes=1_000_000)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST /v1/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", 400),
        (b"POST /v1/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n", 400),
        (b"GET /v1/\xff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400),
        (b"GET /v1/x#y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400),
        (b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400),
        (b"GET /v2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404),
        (b"TRACE /v1/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 405),
        (
            b"GET /v1/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + b"X-A: %s\r\n\r\n" % (b"a" * 63_000),
            431,
        ),
        (b"GET /v1/x HTTP/1.1\r\nHost: a\r\nX-A: %s\r\n\r\n" % (b"a" * 200_000), 400),
    ],
)
def test_what_cannot_be_served_gets_json(tmp_path: Path, request_bytes: bytes, status: int) -> None:
    async def scenario(client: Client) -> None:
        head, _, body = (await client.raw(request_bytes)).partition(b"\r\n\r\n")
        assert int(head.split()[1]) == status
        assert json.loads(body)["code"] == status
        reply, _ = await client.call("GET", "/v1/x")
        assert reply.status == 200, "the gateway still serves"

    play(scenario, tmp_path)


@pytest.mark.parametrize("rest", [b"zz\r\n{}\r\n", b"9\r\n{"])
def test_a_body_that_breaks_on_its_way_is_400_or_the_end(tmp_path: Path, rest: bytes) -> None:
    async def scenario(client: Client) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        writer.write(b"POST /v1/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n")
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.write(rest)
        if b"zz" not in rest:
            writer.write_eof()
        head, _, body = (await asyncio.wait_for(reader.read(), 20)).partition(b"\r\n\r\n")
        writer.close()
        if b"zz" in rest:
            assert head.startswith(b"HTTP/1.1 400")
            assert json.loads(body)["code"] == 400
        assert client.backend.calls == []
        reply, _ = await client.call("GET", "/v1/x")
        assert reply.status == 200, "the gateway still serves"

    play(scenario, tmp_path)
