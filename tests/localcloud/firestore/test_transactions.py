"""Transactions through the client, over gRPC: isolation and fairness."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from google.api_core.exceptions import Aborted, InvalidArgument
from google.cloud.firestore import (
    AsyncClient,
    Client,
    Increment,
    Transaction,
    async_transactional,
    transactional,
)
from google.cloud.firestore_v1.base_query import FieldFilter

from tests.localcloud.firestore.serving import connect


@transactional
def _add_one(transaction: Transaction, document: Any) -> None:
    seen = document.get(transaction=transaction).get("n")
    transaction.update(document, {"n": seen + 1})


def test_eight_threads_on_one_document_all_finish(client: Client) -> None:
    document = client.document("c/d")
    document.set({"n": 0})

    def work(_number: int) -> None:
        for _ in range(10):
            _add_one(client.transaction(), document)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert document.get().get("n") == 80


def test_two_documents_in_opposite_orders_do_not_deadlock(client: Client) -> None:
    one, two = client.document("c/1"), client.document("c/2")
    one.set({"n": 0})
    two.set({"n": 0})

    def move(transaction: Transaction, first: Any, second: Any) -> None:
        taken = first.get(transaction=transaction).get("n")
        given = second.get(transaction=transaction).get("n")
        transaction.update(first, {"n": taken - 1})
        transaction.update(second, {"n": given + 1})

    def work(number: int) -> None:
        for _ in range(10):
            # One wrapper shared by threads would mix up the ids of their attempts.
            transactional(move)(client.transaction(), *((one, two) if number % 2 else (two, one)))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert (one.get().get("n"), two.get().get("n")) == (0, 0)


def test_an_outside_write_waits_for_the_transaction(client: Client) -> None:
    document = client.document("c/d")
    document.set({"n": 1})
    transaction = client.transaction()
    transaction._begin()
    assert document.get(transaction=transaction).get("n") == 1
    outside = threading.Thread(target=lambda: document.update({"n": Increment(10)}))
    outside.start()
    outside.join(0.3)
    assert outside.is_alive()
    transaction.update(document, {"n": 2})
    transaction._commit()
    outside.join(30)
    assert document.get().get("n") == 12


def test_a_document_that_comes_to_match_aborts_the_commit(client: Client) -> None:
    query = client.collection("c").where(filter=FieldFilter("n", ">", 5))
    transaction = client.transaction(max_attempts=1)
    transaction._begin()
    assert list(query.stream(transaction=transaction)) == []
    client.document("c/phantom").set({"n": 6})
    transaction.set(client.document("c/result"), {"found": 0})
    with pytest.raises(Aborted):
        transaction._commit()
    assert not client.document("c/result").get().exists


def test_an_unrelated_write_does_not_abort_the_commit(client: Client) -> None:
    query = client.collection("c").where(filter=FieldFilter("n", ">", 5))
    transaction = client.transaction(max_attempts=1)
    transaction._begin()
    list(query.stream(transaction=transaction))
    client.document("c/unrelated").set({"n": 1})
    transaction.set(client.document("c/result"), {"found": 0})
    transaction._commit()
    assert client.document("c/result").get().exists


def test_rolled_back_writes_nothing_and_lets_go(client: Client) -> None:
    document = client.document("c/d")
    document.set({"n": 1})

    @transactional
    def fail(transaction: Transaction) -> None:
        document.get(transaction=transaction)
        transaction.update(document, {"n": 2})
        raise KeyError

    with pytest.raises(KeyError):
        fail(client.transaction())
    document.update({"n": Increment(5)})
    assert document.get().get("n") == 6


def test_a_finished_transaction_is_refused(client: Client) -> None:
    transaction = client.transaction()
    transaction._begin()
    old = transaction.id
    transaction._commit()
    transaction._begin()
    transaction._id = old
    with pytest.raises(InvalidArgument):
        transaction._commit()


def test_read_only_sees_the_moment_it_began(client: Client) -> None:
    for number in range(5):
        client.document(f"c/d{number}").set({"n": number})
    transaction = client.transaction(read_only=True)
    transaction._begin()
    client.document("c/d1").update({"n": 100})
    client.document("c/d2").delete()
    client.document("c/new").set({"n": 3})
    found = [(s.id, s.get("n")) for s in client.collection("c").order_by("n").stream(transaction=transaction)]
    assert found == [("d0", 0), ("d1", 1), ("d2", 2), ("d3", 3), ("d4", 4)]
    assert client.document("c/d2").get(transaction=transaction).get("n") == 2
    assert not client.document("c/new").get(transaction=transaction).exists
    client.document("c/d0").update({"n": 200})
    assert client.document("c/d0").get(transaction=transaction).get("n") == 0
    transaction._commit()
    assert client.document("c/d0").get().get("n") == 200


def test_async_transaction(firestore_address: str, project: str) -> None:
    async def run() -> int:
        client: AsyncClient = connect(AsyncClient, firestore_address, project=project)
        document = client.document("c/d")
        await document.set({"n": 0})

        @async_transactional
        async def add(transaction: Any) -> None:
            seen = (await document.get(transaction=transaction)).get("n")
            transaction.update(document, {"n": seen + 1})

        await asyncio.gather(*(add(client.transaction()) for _ in range(8)))
        return int((await document.get()).get("n"))

    assert asyncio.run(run()) == 8
