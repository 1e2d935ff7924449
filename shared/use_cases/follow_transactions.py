"""What has changed in an account's transactions since a client last asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from shared.domain.accounts import AccountHead
from shared.domain.changes import Change, Changes, Position, fold
from shared.domain.clock import Clock
from shared.use_cases.list_transactions import require_readable

_READ_FIRST = 2
_READ_MAX = 64


class FeedPart(msgspec.Struct, frozen=True, kw_only=True):
    head: AccountHead | None
    documents: Sequence[Sequence[Change]]
    """From the asked number on without a gap: fewer than asked for when the feed ends."""


class ChangeFeed(Protocol):
    def read(self, organisation_id: str, account_id: str, *, number: int, count: int) -> FeedPart: ...


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    changes: Changes
    position: Position
    has_more: bool


def follow_transactions(
    organisation_id: str,
    account_id: str,
    *,
    after: Position,
    limit: int,
    feed: ChangeFeed,
    clock: Clock,
) -> Followed:
    """At most `limit` changes after `after`, folded.

    Raises NotFound, and ConsentExpired or ConsentRevoked for an account that may not be read.
    """
    found: list[Change] = []
    position, count = after, _READ_FIRST
    while True:
        part = feed.read(organisation_id, account_id, number=position.number, count=count)
        require_readable(part.head, clock=clock)
        for document in part.documents:
            rest = document[position.offset :]
            room = limit - len(found)
            if rest and not room:
                return Followed(changes=fold(found), position=position, has_more=True)
            if len(rest) > room:
                found.extend(rest[:room])
                position = Position(position.number, position.offset + room)
                return Followed(changes=fold(found), position=position, has_more=True)
            found.extend(rest)
            position = Position(position.number + 1)
        if len(part.documents) < count:
            return Followed(changes=fold(found), position=position, has_more=False)
        count = min(count * 2, _READ_MAX)
