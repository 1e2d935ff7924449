"""Documents through the unmodified client: write, read, preconditions, batches, listings."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import grpc
import pytest
from google.api_core.exceptions import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from google.cloud.firestore import (
    DELETE_FIELD,
    SERVER_TIMESTAMP,
    AsyncClient,
    Client,
    DocumentReference,
    GeoPoint,
)
from google.cloud.firestore_v1.vector import Vector

from localcloud.firestore.messages import request_class
from tests.localcloud.firestore.raw_client import RawClient
from tests.localcloud.firestore.serving import connect


def test_every_kind_of_value_comes_back(client: Client) -> None:
    fields = {
        "null": None,
        "yes": True,
        "integer": -(2**63),
        "double": 1.5,
        "text": "čćžšđ 😀",
        "bytes": b"\x00\xff",
        "time": datetime(2026, 2, 28, 23, 59, 59, 123456, tzinfo=UTC),
        "reference": client.document("c/other"),
        "place": GeoPoint(45.8, 15.9),
        "list": [1, "a", {"b": None}],
        "map": {"č": {"ž": []}},
        "vector": Vector([1.0, 2.0]),
    }
    client.document("c/d").set(fields)
    assert client.document("c/d").get().to_dict() == fields


def test_set_merge_update_and_delete_of_fields(client: Client) -> None:
    document = client.document("c/d")
    document.set({"a": 1, "m": {"x": 1, "y": 2}})
    document.set({"m": {"x": 5}}, merge=True)
    assert document.get().to_dict() == {"a": 1, "m": {"x": 5, "y": 2}}
    document.update({"m.y": DELETE_FIELD, "m.`z z`": 3, "a": DELETE_FIELD})
    assert document.get().to_dict() == {"m": {"x": 5, "z z": 3}}
    document.set({"b": 1})
    assert document.get().to_dict() == {"b": 1}
    document.set({"c": {"d": 1, "ignored": 2}}, merge=["c.d"])
    assert document.get().to_dict() == {"b": 1, "c": {"d": 1}}


def test_server_timestamp_has_milliseconds(client: Client) -> None:
    written = client.document("c/d").set({"at": SERVER_TIMESTAMP})
    at = client.document("c/d").get().get("at")
    assert at.microsecond % 1000 == 0
    assert 0 <= (written.update_time - at).total_seconds() < 0.001


def test_preconditions(client: Client) -> None:
    document = client.document("c/d")
    with pytest.raises(NotFound):
        document.update({"a": 1})
    document.create({"a": 1})
    with pytest.raises(AlreadyExists):
        document.create({"a": 2})
    seen = document.get()
    document.update({"a": 3})
    stale = client.write_option(last_update_time=seen.update_time)
    with pytest.raises(FailedPrecondition):
        document.update({"a": 4}, option=stale)
    with pytest.raises(FailedPrecondition):
        document.delete(option=stale)
    fresh = client.write_option(last_update_time=document.get().update_time)
    document.update({"a": 5}, option=fresh)
    assert document.get().to_dict() == {"a": 5}
    document.delete()
    document.delete()
    with pytest.raises(NotFound):
        document.delete(option=client.write_option(exists=True))


def test_times(client: Client) -> None:
    document = client.document("c/d")
    times = [document.set({"n": number}).update_time for number in range(50)]
    assert times == sorted(set(times))
    first = document.get()
    assert first.create_time == times[0]
    assert first.update_time == times[-1]
    unchanged = document.set({"n": 49})
    assert unchanged.update_time == times[-1]


def test_a_batch_is_all_or_nothing(client: Client) -> None:
    client.document("c/there").set({})
    batch = client.batch()
    batch.set(client.document("c/new"), {"n": 1})
    batch.create(client.document("c/there"), {})
    with pytest.raises(AlreadyExists):
        batch.commit()
    assert not client.document("c/new").get().exists


def test_later_writes_of_a_batch_see_earlier_ones(client: Client) -> None:
    batch = client.batch()
    batch.set(client.document("c/d"), {"n": 1})
    batch.update(client.document("c/d"), {"m": 2})
    batch.commit()
    assert client.document("c/d").get().to_dict() == {"n": 1, "m": 2}


def test_bulk_writer_tells_each_write(client: Client) -> None:
    client.document("c/there").set({})
    failures = []
    writer = client.bulk_writer()
    writer.on_write_error(lambda failure, _writer: failures.append(failure.code) and False)
    writer.create(client.document("c/there"), {})
    writer.create(client.document("c/new"), {"n": 1})
    writer.close()
    assert failures == [6]
    assert client.document("c/new").get().to_dict() == {"n": 1}


def test_get_all_answers_missing_ones_and_masks(client: Client) -> None:
    client.document("c/a").set({"x": {"y": 1, "z": 2}, "w": 3})
    references = [client.document("c/a"), client.document("c/none")]
    found = {s.id: s for s in client.get_all(references, field_paths=["x.y"])}
    assert found["a"].to_dict() == {"x": {"y": 1}}
    assert not found["none"].exists
    assert client.document("c/a").get(["w"]).to_dict() == {"w": 3}


def test_list_documents_pages_and_shows_missing(client: Client) -> None:
    for number in range(25):
        client.document(f"c/d{number:02}").set({"n": number})
    client.document("c/d05x/sub/leaf").set({})
    ids = [reference.id for reference in client.collection("c").list_documents(page_size=7)]
    assert ids == sorted([f"d{number:02}" for number in range(25)] + ["d05x"])


def test_list_documents_in_another_order(raw: RawClient, client: Client, project: str) -> None:
    for number in range(10):
        client.document(f"c/d{number}").set({"n": number % 3, "big": "x"})
    root = f"projects/{project}/databases/(default)/documents"
    request = request_class("ListDocuments")(parent=root, collection_id="c", page_size=4)
    request.order_by = "n desc, __name__ desc"
    request.mask.field_paths.append("n")
    seen: list[str] = []
    pages = 0
    while True:
        (page,) = raw.call("ListDocuments", request)
        assert all(set(document.fields) == {"n"} for document in page.documents)
        seen += [document.name[-2:] for document in page.documents]
        pages += 1
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert pages == 3
    assert seen == ["d8", "d5", "d2", "d7", "d4", "d1", "d9", "d6", "d3", "d0"]


def test_a_foreign_page_token_is_refused(raw: RawClient, project: str) -> None:
    root = f"projects/{project}/databases/(default)/documents"
    request = request_class("ListDocuments")(parent=root, collection_id="c", page_token="nonsense!")
    with pytest.raises(grpc.RpcError) as caught:
        raw.call("ListDocuments", request)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_single_document_calls(raw: RawClient, project: str) -> None:
    """GetDocument, CreateDocument, UpdateDocument, DeleteDocument: the client library has other ways for these."""
    root = f"projects/{project}/databases/(default)/documents"
    create = request_class("CreateDocument")(parent=root, collection_id="c", document_id="d")
    create.document.fields["n"].integer_value = 1
    (created,) = raw.call("CreateDocument", create)
    assert created.name == f"{root}/c/d"
    create.document_id = ""
    (named,) = raw.call("CreateDocument", create)
    assert len(named.name.rpartition("/")[2]) == 20
    update = request_class("UpdateDocument")(document={"name": created.name})
    update.document.fields["m"].integer_value = 2
    update.update_mask.field_paths.append("m")
    update.mask.field_paths.append("m")
    (updated,) = raw.call("UpdateDocument", update)
    assert {name: value.integer_value for name, value in updated.fields.items()} == {"m": 2}
    get = request_class("GetDocument")(name=created.name)
    (got,) = raw.call("GetDocument", get)
    assert {name: value.integer_value for name, value in got.fields.items()} == {"n": 1, "m": 2}


def test_collections_and_recursive_delete(client: Client) -> None:
    client.document("a/1/b/2/c/3").set({})
    client.document("a/1").set({})
    client.document("d/4").set({})
    assert [collection.id for collection in client.collections()] == ["a", "d"]
    assert [collection.id for collection in client.document("a/1").collections()] == ["b"]
    assert client.recursive_delete(client.collection("a")) == 2
    assert [collection.id for collection in client.collections()] == ["d"]


def test_databases_and_projects_are_apart(firestore_address: str, project: str) -> None:
    names = ["(default)", "live", "sandbox", "sandbox-bank"]
    clients = [connect(Client, firestore_address, project=project, database=name) for name in names]
    clients.append(connect(Client, firestore_address, project=f"{project}-other"))
    for number, one in enumerate(clients):
        one.document("c/d").set({"n": number})
    assert [one.document("c/d").get().get("n") for one in clients] == [0, 1, 2, 3, 4]


async def _async_round(client: AsyncClient) -> None:
    document: DocumentReference = client.document("c/d")
    await document.create({"n": 1})
    with pytest.raises(AlreadyExists):
        await document.create({"n": 2})
    await document.update({"n": 2})
    assert (await document.get()).to_dict() == {"n": 2}
    batch = client.batch()
    batch.set(client.document("c/e"), {"n": 3})
    await batch.commit()
    assert [s.id async for s in client.collection("c").order_by("n").stream()] == ["d", "e"]
    assert [r.id async for r in client.collection("c").list_documents()] == ["d", "e"]
    assert (await client.collection("c").count().get())[0][0].value == 2
    assert [c.id async for c in client.collections()] == ["c"]
    with pytest.raises(InvalidArgument):
        await client.document("c/__x__").set({})


def test_async_client(firestore_address: str, project: str) -> None:
    async def run() -> None:
        await _async_round(connect(AsyncClient, firestore_address, project=project))

    asyncio.run(run())
