"""A client that walks a listing, and checks what it gets."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import quote

import msgspec

from benchmarks.processes import Failed
from benchmarks.servers import Client

_TIMEOUT_SECONDS = 30.0
_PROGRESS_SECONDS = 2.0


class Page(msgspec.Struct, frozen=True, rename="camel"):
    data: list[dict[str, Any]]
    next_cursor: str | None


def pages(client: Client, *, limit: int) -> Iterator[Page]:
    """From the newest on, over one connection. Raises Failed."""
    connection = http.client.HTTPConnection("127.0.0.1", client.server.port, timeout=_TIMEOUT_SECONDS)
    query: str | None = f"?limit={limit}"
    try:
        while query is not None:
            connection.request("GET", client.path + query, headers=client.headers)
            reply = connection.getresponse()
            body = reply.read()
            if reply.status != 200:
                raise Failed(f"{client.server.name} answered {reply.status}: {body[:300]!r}")
            page = msgspec.json.decode(body, type=Page)
            yield page
            cursor = page.next_cursor
            query = f"?limit={limit}&cursor={quote(cursor)}" if cursor is not None else None
    finally:
        connection.close()


def require_same_pages(one: Client, other: Client, *, limit: int, count: int) -> None:
    """The first `count` pages of both hold equal rows, and both go on, or end, together. Raises Failed."""
    walk = zip(pages(one, limit=limit), pages(other, limit=limit), strict=True)
    for number, (ours, theirs) in enumerate(islice(walk, count), 1):
        if ours.data != theirs.data or (ours.next_cursor is None) != (theirs.next_cursor is None):
            raise Failed(f"page {number} of {one.server.name} and {other.server.name} differ")


def cursor_of_page(client: Client, number: int, *, limit: int) -> str:
    """The cursor that asks for page `number`, reached page by page; no row may come twice or be out of order."""
    shown_at, seen = time.monotonic(), 0
    previous = ("9999-12-31", "")
    for page in pages(client, limit=limit):
        seen += 1
        for row in page.data:
            position = (row["bookingDate"], row["id"])
            if position >= previous:
                raise Failed(f"{row['id']} on page {seen} is out of order")
            previous = position
        if page.next_cursor is None:
            break
        if seen == number - 1:
            return page.next_cursor
        if time.monotonic() - shown_at > _PROGRESS_SECONDS:
            shown_at = time.monotonic()
            print(f"  walked to page {seen} of {number}", flush=True)
    raise Failed(f"there are only {seen} pages: raise --transactions")
