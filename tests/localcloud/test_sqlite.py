from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from localcloud.sqlite import open_database, transaction


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    database = open_database(tmp_path / "data" / "test.sqlite3", schema="CREATE TABLE IF NOT EXISTS t (n)")
    yield database
    database.close()


def numbers(database: sqlite3.Connection) -> list[int]:
    return [number for (number,) in database.execute("SELECT n FROM t ORDER BY n")]


def add(database: sqlite3.Connection, number: int) -> None:
    database.execute("INSERT INTO t VALUES (?)", (number,))


def test_a_transaction_is_all_or_nothing(database: sqlite3.Connection) -> None:
    with transaction(database):
        add(database, 1)
    with suppress(ZeroDivisionError), transaction(database):
        add(database, 2)
        raise ZeroDivisionError
    assert numbers(database) == [1]


def test_a_part_may_fail_alone_and_falls_with_the_whole(database: sqlite3.Connection) -> None:
    with transaction(database):
        add(database, 1)
        with suppress(ZeroDivisionError), transaction(database):
            add(database, 2)
            raise ZeroDivisionError
        with transaction(database):
            add(database, 3)
    assert numbers(database) == [1, 3]
    with suppress(ZeroDivisionError), transaction(database):
        with transaction(database):
            add(database, 4)
        raise ZeroDivisionError
    assert numbers(database) == [1, 3]
