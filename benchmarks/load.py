"""The load: a few keep-alive connections, each asking again when it has its answer. A process of its own.

Reads one JSON `Round` a line from standard input and answers one JSON `Outcome` a line. It parses just enough HTTP to
check each reply's status and length, so that it takes little of the machine that it shares with the server.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import sys
import time

import msgspec

_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_GRACE_SECONDS = 30.0
"""For the answers that are under way when a round ends."""


class Round(msgspec.Struct, frozen=True, kw_only=True):
    port: int
    target: str
    headers: dict[str, str]
    connections: int
    seconds: float


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    requests: int
    elapsed_seconds: float
    median_latency_seconds: float
    body_bytes: int
    fault: str | None
    """What went wrong first; the figures of such a round mean nothing."""


class _Tally:
    """What all connections of one round have met."""

    def __init__(self, *, request: bytes, until: float) -> None:
        self.request = request
        self.until = until
        self.latencies_seconds: list[float] = []
        self.body_bytes = 0
        self.fault: str | None = None


class _Connection(asyncio.Protocol):
    def __init__(self, tally: _Tally) -> None:
        self._tally = tally
        self._received = bytearray()
        self._expected = 0
        self._sent_at = 0.0
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(self._tally.request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._expected and not self._read_head():
            return
        if len(self._received) < self._expected:
            return
        now = time.perf_counter()
        self._tally.latencies_seconds.append(now - self._sent_at)
        self._received.clear()
        self._expected = 0
        if now < self._tally.until:
            self._send()
        else:
            self._transport.close()

    def _read_head(self) -> bool:
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self._received[:end])
        length = _CONTENT_LENGTH.search(head)
        if not head.startswith(b"HTTP/1.1 200 ") or length is None:
            return self._fail(f"answered {head[:60]!r}")
        body_bytes = int(length[1])
        if self._tally.body_bytes not in (0, body_bytes):
            return self._fail(f"a body of {body_bytes} bytes after one of {self._tally.body_bytes}")
        self._tally.body_bytes = body_bytes
        self._expected = end + 4 + body_bytes
        return True

    def _fail(self, fault: str) -> bool:
        self._tally.fault = self._tally.fault or fault
        self._transport.close()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._received or exc is not None:
            self._tally.fault = self._tally.fault or f"the connection was lost: {exc}"
        self.closed.set_result(None)


async def run(work: Round) -> Outcome:
    lines = [f"GET {work.target} HTTP/1.1", f"Host: 127.0.0.1:{work.port}", "Accept: application/json"]
    lines += [f"{name}: {value}" for name, value in work.headers.items()]
    started = time.perf_counter()
    tally = _Tally(request=("\r\n".join(lines) + "\r\n\r\n").encode(), until=started + work.seconds)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(work.seconds + _GRACE_SECONDS):
            connections = [
                (await loop.create_connection(lambda: _Connection(tally), "127.0.0.1", work.port))[1]
                for _ in range(work.connections)
            ]
            await asyncio.gather(*(connection.closed for connection in connections))
    except (OSError, TimeoutError) as error:
        tally.fault = tally.fault or f"{type(error).__name__}: {error}"
    if not tally.latencies_seconds:
        tally.fault = tally.fault or "no answer at all"
    return Outcome(
        requests=len(tally.latencies_seconds),
        elapsed_seconds=time.perf_counter() - started,
        median_latency_seconds=statistics.median(tally.latencies_seconds or [0.0]),
        body_bytes=tally.body_bytes,
        fault=tally.fault,
    )


def main() -> None:
    for line in sys.stdin:
        outcome = asyncio.run(run(msgspec.json.decode(line, type=Round)))
        print(msgspec.json.encode(outcome).decode(), flush=True)


if __name__ == "__main__":
    main()
