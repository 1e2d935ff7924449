"""A page as a listing reads it: never parsed, only cut.

`keys` are lines of one length, newest first; `rows` are the transactions' JSON in the same order, joined by a comma
and a line break, so that any run of them is one slice of bytes and goes into a reply as it is.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from shared.domain.pages import FIRST

ROW_SEPARATOR = b",\n"
_KEY_BYTES = len("2026-02-25~txn_01M7V41F00ZYC5MJ5YJMEG8SK8")
_STRIDE = _KEY_BYTES + 1
_ID_AT = len("2026-02-25~")
_ROW_START = b'{"id":"'


class Leaf(msgspec.Struct, frozen=True):
    lower: str
    keys: bytes
    rows: bytes

    def __len__(self) -> int:
        return (len(self.keys) + 1) // _STRIDE

    def key(self, position: int) -> bytes:
        start = position * _STRIDE
        return self.keys[start : start + _KEY_BYTES]

    def first_below(self, bound: bytes) -> int:
        """Where the first key < `bound` stands; the number of keys when there is none."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self.key(middle) < bound:
                high = middle
            else:
                low = middle + 1
        return low

    def cut(self, start: int, stop: int) -> bytes:
        """The JSON of rows `start` to `stop`, joined."""
        first = self._offset(start) if start else 0
        end = self._offset(stop) - len(ROW_SEPARATOR) if stop < len(self) else len(self.rows)
        return self.rows[first:end]

    def find(self, transaction_id: str) -> bytes | None:
        """One transaction's JSON."""
        found = self.keys.find(transaction_id.encode())
        return None if found < 0 else self.cut(found // _STRIDE, found // _STRIDE + 1)

    def _offset(self, position: int) -> int:
        """A row begins with its id, and quotes inside JSON strings are escaped: the match is the row's own start."""
        return self.rows.index(_ROW_START + self.key(position)[_ID_AT:])


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    runs: list[bytes]
    """Rows in their order, some joined already; joined by commas they are the whole."""
    next_key: str | None
    """The last row's key when more may follow."""


def take(leaves: Iterable[Leaf], *, below: str, not_before: str, limit: int) -> Slice:
    """The newest `limit` rows with `not_before` <= key < `below`, out of `leaves` newest first.

    Reads no leaf more than it must: a leaf that ends just at the limit is followed by others unless it is the FIRST.
    """
    upper, lower = below.encode(), not_before.encode()
    runs: list[bytes] = []
    room, last = limit, ""
    for leaf in leaves:
        start, stop = leaf.first_below(upper), leaf.first_below(lower)
        if stop - start > room:
            if room:
                runs.append(leaf.cut(start, start + room))
                last = leaf.key(start + room - 1).decode()
            return Slice(runs=runs, next_key=last)
        if stop > start:
            runs.append(leaf.cut(start, stop))
            room -= stop - start
            last = leaf.key(stop - 1).decode()
        if stop < len(leaf):
            break
        if room == 0 and not not_before and leaf.lower != FIRST:
            return Slice(runs=runs, next_key=last)
    return Slice(runs=runs, next_key=None)
