"""The load generator counts what was answered, and calls out every answer that is not the right one."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.load import Outcome, Round, run


def _reply(body: bytes, *, status: str = "200 OK") -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Type: text/plain\r\ncontent-length: %d\r\n\r\n%b" % (
        status.encode(),
        len(body),
        body,
    )


async def _ask(replies: list[bytes], *, pieces: int = 1, closes: bool = False) -> tuple[Outcome, list[bytes]]:
    """A round against a server that gives `replies` in turn, each in `pieces` writes; then it closes, or
    gives the last one for ever."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            heads.append(head)
            if closes and len(heads) > len(replies):
                break
            reply = replies[min(len(heads), len(replies)) - 1]
            size = -(-len(reply) // pieces)
            for start in range(0, len(reply), size):
                writer.write(reply[start : start + size])
                await writer.drain()
                await asyncio.sleep(0)
            if closes and len(heads) >= len(replies):
                break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        work = Round(port=port, target="/x?y=1", headers={"X-A": "b"}, connections=2, seconds=0.2)
        return await run(work), heads


def test_every_answer_is_counted_and_asked_for_as_told() -> None:
    outcome, heads = asyncio.run(_ask([_reply(b"hello")]))

    assert outcome.fault is None
    assert outcome.requests == len(heads) > 2
    assert outcome.body_bytes == 5
    assert heads[0].startswith(b"GET /x?y=1 HTTP/1.1\r\n")
    assert b"\r\nX-A: b\r\n" in heads[0]


def test_answers_in_pieces_are_whole_answers() -> None:
    outcome, heads = asyncio.run(_ask([_reply(b"x" * 50_000)], pieces=7))

    assert outcome.fault is None
    assert outcome.requests == len(heads)
    assert outcome.body_bytes == 50_000


@pytest.mark.parametrize(
    "replies",
    [
        pytest.param([_reply(b"ok"), _reply(b"no", status="500 Oops")], id="status"),
        pytest.param([_reply(b"ok"), _reply(b"longer")], id="length"),
        pytest.param([_reply(b"ok"), _reply(b"ok")[:-1]], id="cut"),
        pytest.param([b"HTTP/1.1 200 OK\r\n\r\n"], id="no-length"),
        pytest.param([], id="closed"),
    ],
)
def test_a_wrong_answer_is_a_fault(replies: list[bytes]) -> None:
    outcome, _ = asyncio.run(asyncio.wait_for(_ask(replies, closes=True), timeout=60))

    assert outcome.fault is not None
