"""A feed replays to the list, however it is cut."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import msgspec
from hypothesis import given, settings

from shared.domain.accounts import AccountHead
from shared.domain.changes import Change, Kind, Position, decode, encode, fold, position_of
from shared.domain.ids import derived_id
from shared.use_cases.follow_transactions import FeedPart, follow_transactions
from tests.fakes.clock import FakeClock

IDS = [derived_id("txn", "account", str(number)) for number in range(6)]


def row(name: str, text: str) -> bytes:
    return msgspec.json.encode({"id": name, "text": text})


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[list[Change]], dict[str, bytes]]:
    """Documents as a sync writes them: what is there is modified or removed, what is not is added."""
    there: dict[str, bytes] = {}
    documents = []
    for _ in range(draw(st.integers(0, 6))):
        document = []
        for name in draw(st.lists(st.sampled_from(IDS), min_size=1, max_size=8, unique=True)):
            kind: Kind = "added"
            if name in there:
                kind = draw(st.sampled_from(["modified", "removed"]))
            if kind == "removed":
                del there[name]
                document.append(Change(kind=kind, transaction_id=name))
                continue
            there[name] = row(name, draw(st.text(max_size=3)))
            document.append(Change(kind=kind, transaction_id=name, json=there[name]))
        documents.append(document)
    return documents, there


class Feed:
    def __init__(self, documents: Sequence[Sequence[Change]], head: AccountHead) -> None:
        self.documents = [decode(encode(document)) for document in documents]
        self.head = head

    def read(self, organisation_id: str, account_id: str, *, number: int, count: int) -> FeedPart:
        return FeedPart(head=self.head, documents=self.documents[number - 1 : number - 1 + count])


@given(histories(), st.integers(1, 9))
@settings(max_examples=300, deadline=None)
def test_answers_in_order_make_the_list(
    history: tuple[list[list[Change]], dict[str, bytes]], limit: int
) -> None:
    documents, there = history
    clock = FakeClock()
    head = AccountHead(status="active", expires_at=clock.now() + timedelta(days=1))
    feed = Feed(documents, head)
    seen: dict[str, bytes] = {}
    position, has_more = Position(), True
    while has_more:
        followed = follow_transactions("org", "acc", after=position, limit=limit, feed=feed, clock=clock)
        changes = followed.changes
        assert len(changes.added) + len(changes.modified) + len(changes.removed) <= limit
        for line in changes.added:
            name = msgspec.json.decode(line)["id"]
            assert name not in seen
            seen[name] = line
        for line in changes.modified:
            name = msgspec.json.decode(line)["id"]
            assert name in seen
            seen[name] = line
        for name in changes.removed:
            del seen[name]
        assert followed.position > position or not has_more or not documents
        position, has_more = position_of(str(followed.position)), followed.has_more
    assert seen == there
    again = follow_transactions("org", "acc", after=position, limit=limit, feed=feed, clock=clock)
    assert (again.changes, again.has_more) == (fold([]), False)
    assert again.position == position


def test_what_comes_and_goes_between_two_answers_is_not_told() -> None:
    name = IDS[0]
    came = Change(kind="added", transaction_id=name, json=row(name, "a"))
    went = Change(kind="removed", transaction_id=name)
    assert fold([came, went]) == fold([])
    assert fold([went, came]).modified == (came.json,)


def test_a_position_survives_the_feed_growing() -> None:
    clock = FakeClock(datetime(2026, 11, 24, tzinfo=UTC))
    head = AccountHead(status="active", expires_at=clock.now() + timedelta(days=1))
    first = [Change(kind="added", transaction_id=IDS[0], json=row(IDS[0], "a"))]
    followed = follow_transactions(
        "org", "acc", after=Position(), limit=1, feed=Feed([first], head), clock=clock
    )
    assert not followed.has_more
    second = [Change(kind="modified", transaction_id=IDS[0], json=row(IDS[0], "b"))]
    later = follow_transactions(
        "org", "acc", after=followed.position, limit=1, feed=Feed([first, second], head), clock=clock
    )
    assert later.changes.modified == (second[0].json,)
