"""The engine alone: no server, no files, a clock that the test moves."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from grpc import StatusCode

from localcloud.firestore.engine import Engine
from localcloud.firestore.errors import FirestoreError, MustWait
from localcloud.firestore.messages import Document, Value, Write, request_class
from localcloud.firestore.transactions import EXPIRY_SECONDS, LOCK_TIMEOUT_SECONDS, Transaction

DATABASE = "projects/p/databases/(default)"
SECOND = 10**9


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now_ns = 1_700_000_000 * SECOND

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(clock: Clock) -> Engine:
    return Engine(clock=clock)


def _name(document_id: str = "d") -> str:
    return f"{DATABASE}/documents/c/{document_id}"


def _put(number: int, document_id: str = "d") -> Write:
    return Write(
        update=Document(name=_name(document_id), fields={"n": Value(integer_value=number)}),
    )


def _begin(engine: Engine, *, retry: bytes = b"", read_only: bool = False) -> Transaction:
    options = request_class("BeginTransaction")().options
    if read_only:
        options.read_only.SetInParent()
    else:
        options.read_write.retry_transaction = retry
    return engine.begin(DATABASE, options)


def _number(engine: Engine, document_id: str = "d") -> int | None:
    (document,) = engine.get([_name(document_id)])
    return None if document is None else int(document.fields["n"].integer_value)


def test_update_times_rise_though_the_clock_stands(engine: Engine, clock: Clock) -> None:
    times = [engine.commit(DATABASE, [_put(number)])[0] for number in range(20)]
    assert all(later - earlier == 1000 for earlier, later in pairwise(times))
    clock.now_ns -= 3600 * SECOND
    assert engine.commit(DATABASE, [_put(99)])[0] > times[-1]


def test_a_failing_sink_changes_nothing(clock: Clock) -> None:
    broken = False

    def sink(_changes: Any) -> None:
        if broken:
            raise OSError("disk full")

    engine = Engine(clock=clock, sink=sink)
    engine.commit(DATABASE, [_put(1)])
    broken = True
    with pytest.raises(OSError, match="disk full"):
        engine.commit(DATABASE, [_put(2)])
    assert _number(engine) == 1


def test_the_sink_hears_only_what_changed(clock: Clock) -> None:
    heard: list[Any] = []
    engine = Engine(clock=clock, sink=heard.append)
    engine.commit(DATABASE, [_put(1), _put(1, "e")])
    engine.commit(DATABASE, [_put(1), _put(2, "e")])
    engine.commit(DATABASE, [_put(1)])
    assert [sorted(changes) for changes in heard] == [[_name("d"), _name("e")], [_name("e")]]


def test_a_younger_transaction_waits_for_an_older(engine: Engine) -> None:
    engine.commit(DATABASE, [_put(0)])
    older, younger = _begin(engine), _begin(engine)
    engine.get([_name()], older)
    with pytest.raises(MustWait):
        engine.get([_name()], younger)
    engine.commit(DATABASE, [_put(1)], older)
    (seen,) = engine.get([_name()], younger)
    assert seen is not None
    assert seen.fields["n"].integer_value == 1
    engine.commit(DATABASE, [_put(2)], younger)
    assert _number(engine) == 2


def test_of_two_in_a_circle_the_younger_loses(engine: Engine) -> None:
    older, younger = _begin(engine), _begin(engine)
    engine.get([_name("1")], older)
    engine.get([_name("2")], younger)
    with pytest.raises(MustWait):
        engine.get([_name("2")], older)
    engine.get([_name("1")], younger)
    assert younger.is_wounded
    with pytest.raises(MustWait):
        engine.commit(DATABASE, [_put(2)], younger)
    engine.get([_name("2")], older)
    engine.commit(DATABASE, [_put(1)], older)
    with pytest.raises(FirestoreError) as caught:
        engine.commit(DATABASE, [_put(2)], younger)
    assert caught.value.code is StatusCode.ABORTED
    assert _number(engine) == 1


def test_who_lost_before_wins_the_next_time(engine: Engine) -> None:
    older, loser, between = _begin(engine), _begin(engine), _begin(engine)
    engine.get([_name("1")], older)
    engine.get([_name("2")], loser)
    with pytest.raises(MustWait):
        engine.get([_name("2")], older)
    engine.get([_name("1")], loser)
    engine.get([_name("2")], older)
    engine.commit(DATABASE, [], older)
    with pytest.raises(FirestoreError):
        engine.commit(DATABASE, [], loser)
    retried_old = _begin(engine, retry=older.id)
    again = _begin(engine, retry=loser.id)
    engine.get([_name("1")], retried_old)
    engine.get([_name("2")], again)
    with pytest.raises(MustWait):
        engine.get([_name("2")], retried_old)
    with pytest.raises(MustWait):
        engine.get([_name("1")], between)
    engine.get([_name("1")], again)
    assert retried_old.is_wounded
    assert not again.is_wounded


def test_an_older_waiter_goes_before_a_younger_newcomer(engine: Engine) -> None:
    holder, waiter, newcomer = _begin(engine), _begin(engine), _begin(engine)
    engine.get([_name()], holder)
    with pytest.raises(MustWait):
        engine.get([_name()], waiter)
    engine.commit(DATABASE, [_put(1)], holder)
    with pytest.raises(MustWait):
        engine.get([_name()], newcomer)
    engine.get([_name()], waiter)
    engine.commit(DATABASE, [_put(2)], waiter)
    engine.get([_name()], newcomer)


def test_a_write_outside_waits(engine: Engine) -> None:
    holder = _begin(engine)
    engine.get([_name()], holder)
    with pytest.raises(MustWait) as caught:
        engine.commit(DATABASE, [_put(1)])
    assert caught.value.transaction is None
    assert not engine.transactions.time_out(caught.value, now_ns=engine.now_ns())
    engine.transactions.finish(holder)
    engine.commit(DATABASE, [_put(1)])


def test_a_dead_clients_lock_ends_with_the_wait(engine: Engine, clock: Clock) -> None:
    holder = _begin(engine)
    engine.get([_name()], holder)
    with pytest.raises(MustWait) as caught:
        engine.commit(DATABASE, [_put(1)])
    clock.now_ns += LOCK_TIMEOUT_SECONDS * SECOND
    assert engine.transactions.time_out(caught.value, now_ns=engine.now_ns())
    engine.commit(DATABASE, [_put(1)])
    with pytest.raises(FirestoreError) as refused:
        engine.commit(DATABASE, [_put(2)], holder)
    assert refused.value.code is StatusCode.ABORTED
    assert _number(engine) == 1


def test_a_transaction_expires(engine: Engine, clock: Clock) -> None:
    transaction = _begin(engine)
    clock.now_ns += EXPIRY_SECONDS * SECOND - 1
    engine.transaction(transaction.id, DATABASE)
    clock.now_ns += 1000
    with pytest.raises(FirestoreError) as caught:
        engine.transaction(transaction.id, DATABASE)
    assert caught.value.code is StatusCode.INVALID_ARGUMENT


def test_an_expired_transactions_locks_are_free(engine: Engine, clock: Clock) -> None:
    engine.get([_name()], _begin(engine))
    clock.now_ns += EXPIRY_SECONDS * SECOND
    engine.commit(DATABASE, [_put(1)])
    assert _number(engine) == 1


def test_a_read_only_transaction_cannot_write(engine: Engine) -> None:
    with pytest.raises(FirestoreError) as caught:
        engine.commit(DATABASE, [_put(1)], _begin(engine, read_only=True))
    assert caught.value.code is StatusCode.INVALID_ARGUMENT


def test_a_loaded_engine_goes_on_after_the_last_commit(clock: Clock) -> None:
    first = Engine(clock=clock)
    last_ns, _ = first.commit(DATABASE, [_put(1)])
    (document,) = first.get([_name()])
    assert document is not None
    clock.now_ns -= SECOND
    second = Engine(clock=clock)
    second.load([document])
    assert second.commit(DATABASE, [_put(2)])[0] > last_ns
