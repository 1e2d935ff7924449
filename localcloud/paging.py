"""Page sizes and page tokens of the List calls: a token names the last item of the page before."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import TypeVar

from localcloud.grpc_server import invalid

Item = TypeVar("Item")


def page_size(asked: int, *, maximum: int) -> int:
    if asked < 0:
        raise invalid("page_size must not be negative.")
    return min(asked or maximum, maximum)


def cursor_of(page_token: str) -> str:
    """The key of the last item seen, empty for the first page."""
    try:
        return base64.b64decode(page_token.encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise invalid("page_token is not one that this server gave.") from None


def split_page(found: Sequence[tuple[str, Item]], *, size: int) -> tuple[list[Item], str]:
    """`found` is up to size + 1 rows of (key, item): the page, and the token of the next one if there is more."""
    page = [item for _, item in found[:size]]
    if len(found) <= size:
        return page, ""
    return page, base64.urlsafe_b64encode(found[size - 1][0].encode()).decode()
