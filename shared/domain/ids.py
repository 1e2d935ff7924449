"""Identifiers: a prefix and a ULID, 26 characters of Crockford base 32 (48 bits of time, 80 of randomness).

New things get a random ULID. What must keep its id when it is met again (an account, a transaction) gets
one that is derived: the same parts always make the same id.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from ulid import ULID

Prefix = Literal["org", "usr", "inv", "key", "aud", "con", "acc", "txn", "pay", "evt", "whk", "req"]

_SHAPE = re.compile(r"[a-z]{3}_[0-7][0-9A-HJKMNP-TV-Z]{25}")
_EPOCH = date(1970, 1, 1)


def new_id(prefix: Prefix) -> str:
    return f"{prefix}_{ULID()}"


def derived_id(prefix: Prefix, *parts: str, on: date = _EPOCH) -> str:
    """An id that depends on `parts` alone; `on` (UTC midnight) becomes its time, so that ids sort by it.

    Parts are length-prefixed before hashing, so ("ab", "c") and ("a", "bc") differ.
    """
    return timed_id(prefix, *parts, at=datetime.combine(on, time(), UTC))


def timed_id(prefix: Prefix, *parts: str, at: datetime) -> str:
    """As `derived_id`, with a time of whole milliseconds."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(4, "big"))
        digest.update(encoded)
    return f"{prefix}_{ULID.from_bytes(_milliseconds(at).to_bytes(6, 'big') + digest.digest()[:10])}"


def first_id(prefix: Prefix, *, at: datetime) -> str:
    """Sorts before or with every id made at `at` or later, and after every earlier one."""
    return f"{prefix}_{ULID.from_bytes(_milliseconds(at).to_bytes(6, 'big') + bytes(10))}"


def _milliseconds(at: datetime) -> int:
    return max(0, (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1))


def is_id(prefix: Prefix, text: str) -> bool:
    return text.startswith(prefix + "_") and _SHAPE.fullmatch(text) is not None


def date_of(identifier: str) -> date:
    """The date in an id made by `derived_id`. Raises ValueError when it is no id."""
    return ULID.from_str(identifier.partition("_")[2]).datetime.date()
