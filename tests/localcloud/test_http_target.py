from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from multidict import CIMultiDict

from localcloud.grpc_server import Refused
from localcloud.http_target import Outcome, answered, call, check_target, new_session, outgoing_headers
from tests.localcloud.http_receiver import Answer, Received, Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def called(url: str, *, timeout_seconds: float = 30) -> Outcome:
    async def go() -> Outcome:
        async with new_session() as session:
            return await call(
                session,
                method="POST",
                url=url,
                headers=CIMultiDict({"X-Tok": "č"}),
                body=b"body",
                timeout_seconds=timeout_seconds,
            )

    return asyncio.run(go())


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://127.8.9.10:80/a?b", "http://localhost:9/", "http://[::1]:9/"]
)
def test_loopback_may_be_called(url: str) -> None:
    check_target(url=url, method="POST", headers={}, body=b"x", field="url")


@pytest.mark.parametrize(
    "url",
    [
        "http://0.0.0.0/",
        "http://192.168.1.1/",
        "http://169.254.169.254/",
        "http://localhost.example/",
        "http://127.0.0.1\\@example.com/",
        "http://example.com#@127.0.0.1/",
        "http://[::ffff:10.0.0.1]/",
        "http://2130706434.example/",
        "http:///path",
        "http://[bad/",
    ],
)
def test_nothing_else_may(url: str) -> None:
    with pytest.raises(Refused):
        check_target(url=url, method="POST", headers={}, body=b"", field="url")


def test_headers_of_googles_own_are_dropped() -> None:
    asked = {"X-Tok": "1", "x-cloudtasks-TaskName": "2", "HOST": "3", "X-AppEngine-A": "4", "Connection": "5"}
    headers = outgoing_headers(asked, user_agent="agent", reserved_prefix="x-cloudtasks-")
    assert dict(headers) == {"X-Tok": "1", "User-Agent": "agent"}


def test_a_call_sends_what_it_is_given_and_no_content_type_of_its_own(receiver: Receiver) -> None:
    assert called(f"{receiver.url}/a").succeeded
    (request,) = receiver.received("/a")
    assert request.body == b"body"
    assert "content-type" not in request.headers


def test_a_target_that_is_too_slow_is_a_deadline_exceeded() -> None:
    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def go() -> Outcome:
        server = await asyncio.start_server(never, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, new_session() as session:
            return await call(
                session,
                method="GET",
                url=f"http://127.0.0.1:{port}/",
                headers=CIMultiDict(),
                body=b"",
                timeout_seconds=0.2,
            )

    outcome = asyncio.run(go())
    assert (outcome.status, outcome.code) == (None, 4)


def test_a_target_that_is_not_there_is_unavailable() -> None:
    closed = Receiver()
    closed.close()
    outcome = called(f"{closed.url}/a")
    assert (outcome.status, outcome.code, outcome.succeeded) == (None, 14, False)


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    def answer(_request: Received) -> Answer:
        return Answer(302, {"Location": f"{receiver.url}/b"})

    receiver.answer = answer
    assert called(f"{receiver.url}/a").status == 302
    assert receiver.received("/b") == []


@pytest.mark.parametrize(
    ("header", "seconds"), [("", 0), ("120", 120), ("-1", 0), ("²", 0), ("Wed, 25 Nov 2026 07:28:00 GMT", 0)]
)
def test_retry_after_in_seconds_is_read(header: str, seconds: float) -> None:
    assert answered(503, retry_after=header).retry_after_seconds == seconds
