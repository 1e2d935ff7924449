"""An account's change feed: what came, changed or went, in numbered documents that are only ever added.

A document is written in the commit that makes its changes, so that the feed and the lists always agree. It is lines,
oldest change first: a sign, then a transaction's JSON, or its id where it went. A reply is folded from them without
parsing a row: one change for each transaction, the last one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

Kind = Literal["added", "modified", "removed"]

MAX_CHANGES = 400
MAX_BYTES = 600_000
"""Well under Firestore's 1 MiB."""

_SIGNS: dict[Kind, bytes] = {"added": b"+", "modified": b"~", "removed": b"-"}
_KINDS: dict[bytes, Kind] = {sign: kind for kind, sign in _SIGNS.items()}
_ID_AT = len(b'{"id":"')
_ID_LENGTH = len("txn_01M7V41F00ZYC5MJ5YJMEG8SK8")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    kind: Kind
    transaction_id: str
    json: bytes = b""
    """The transaction as clients receive it, one line; empty when it is removed."""


class Position(msgspec.Struct, frozen=True, order=True):
    """Up to where a client has followed: all of the documents before `number`, and `offset` changes of that one."""

    number: int = 1
    offset: int = 0

    def __str__(self) -> str:
        return f"{self.number}.{self.offset}"


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """Put `added` and `modified` into a map by id, take out `removed`: in any order, no id is in two of them."""

    added: tuple[bytes, ...]
    modified: tuple[bytes, ...]
    removed: tuple[str, ...]


def position_of(text: str) -> Position:
    number, _, offset = text.partition(".")
    return Position(int(number), int(offset))


def encode(changes: Sequence[Change]) -> bytes:
    return b"\n".join(
        _SIGNS[change.kind] + (change.json or change.transaction_id.encode()) for change in changes
    )


def decode(document: bytes) -> list[Change]:
    return [_change(line) for line in document.split(b"\n")] if document else []


def fold(changes: Iterable[Change]) -> Changes:
    """What many changes come to, for somebody who knew the state before them."""
    first: dict[str, Kind] = {}
    last: dict[str, Change] = {}
    for change in changes:
        first.setdefault(change.transaction_id, change.kind)
        last.pop(change.transaction_id, None)
        last[change.transaction_id] = change
    there = [change for change in last.values() if change.kind != "removed"]
    return Changes(
        added=tuple(change.json for change in there if first[change.transaction_id] == "added"),
        modified=tuple(change.json for change in there if first[change.transaction_id] != "added"),
        removed=tuple(
            change.transaction_id
            for change in last.values()
            if change.kind == "removed" and first[change.transaction_id] != "added"
        ),
    )


def _change(line: bytes) -> Change:
    kind, rest = _KINDS[line[:1]], line[1:]
    if kind == "removed":
        return Change(kind=kind, transaction_id=rest.decode())
    return Change(kind=kind, transaction_id=rest[_ID_AT : _ID_AT + _ID_LENGTH].decode(), json=rest)
