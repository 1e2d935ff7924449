"""Queries through the unmodified client."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import InvalidArgument
from google.cloud.firestore import Client
from google.cloud.firestore_v1.base_query import And, FieldFilter, Or
from google.cloud.firestore_v1.query import Query

DESCENDING = Query.DESCENDING


@pytest.fixture
def cities(client: Client) -> Client:
    rows = [
        ("zagreb", "hr", 770, ["capital", "inland"]),
        ("split", "hr", 160, ["coast"]),
        ("rijeka", "hr", 108, ["coast", "port"]),
        ("ljubljana", "si", 290, ["capital"]),
        ("koper", "si", 25, ["coast", "port"]),
        ("beograd", "rs", 1380, ["capital"]),
        ("nis", "rs", 180, []),
    ]
    batch = client.batch()
    for name, country, thousands, tags in rows:
        fields = {"country": country, "thousands": thousands, "tags": tags}
        batch.set(client.document(f"cities/{name}"), fields)
    batch.set(client.document("cities/atlantis"), {"country": None})
    batch.commit()
    return client


def _ids(query: Query) -> list[str]:
    return [snapshot.id for snapshot in query.stream()]


def _where(field: str, op: str, value: object) -> FieldFilter:
    return FieldFilter(field, op, value)


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        (_where("country", "==", "si"), ["koper", "ljubljana"]),
        (_where("country", "==", None), ["atlantis"]),
        (_where("country", "!=", "hr"), ["beograd", "nis", "koper", "ljubljana"]),
        (_where("country", "in", ["si", "rs"]), ["beograd", "koper", "ljubljana", "nis"]),
        (_where("country", "not-in", ["si", "hr"]), ["beograd", "nis"]),
        (_where("thousands", ">", 290), ["zagreb", "beograd"]),
        (_where("thousands", "<=", 108), ["koper", "rijeka"]),
        (_where("tags", "array_contains", "port"), ["koper", "rijeka"]),
        (_where("tags", "array_contains_any", ["inland", "port"]), ["koper", "rijeka", "zagreb"]),
        (
            Or([_where("country", "==", "si"), _where("thousands", ">", 1000)]),
            ["koper", "ljubljana", "beograd"],
        ),
        (And([_where("country", "==", "hr"), _where("thousands", "<", 200)]), ["rijeka", "split"]),
        (And([_where("thousands", ">", 100), _where("country", ">", "hr")]), ["nis", "beograd", "ljubljana"]),
    ],
)
def test_filters(cities: Client, clause: object, expected: list[str]) -> None:
    """In order: of the compared field for an inequality, else of the names."""
    assert _ids(cities.collection("cities").where(filter=clause)) == expected


def test_a_document_without_the_ordered_field_is_left_out(cities: Client) -> None:
    assert "atlantis" not in _ids(cities.collection("cities").order_by("thousands"))
    assert _ids(cities.collection("cities").order_by("country").limit(1)) == ["atlantis"]


def test_the_name_follows_the_last_direction(cities: Client) -> None:
    ordered = cities.collection("cities").order_by("country", direction=DESCENDING)
    assert _ids(ordered) == ["ljubljana", "koper", "nis", "beograd", "zagreb", "split", "rijeka", "atlantis"]


def test_two_orders_of_different_directions(cities: Client) -> None:
    query = cities.collection("cities").order_by("country").order_by("thousands", direction=DESCENDING)
    assert _ids(query) == ["zagreb", "split", "rijeka", "beograd", "nis", "ljubljana", "koper"]


def test_names_in_both_directions(cities: Client) -> None:
    upwards = _ids(cities.collection("cities").order_by("__name__"))
    downwards = _ids(cities.collection("cities").order_by("__name__", direction=DESCENDING))
    assert upwards == sorted(upwards)
    assert downwards == upwards[::-1]


@pytest.mark.parametrize("direction", [Query.ASCENDING, DESCENDING])
def test_cursors_cut_where_they_say(cities: Client, direction: str) -> None:
    query = cities.collection("cities").order_by("thousands", direction=direction)
    everything = [s.get("thousands") for s in query.stream()]
    value = {"thousands": 180}
    place = everything.index(180)
    assert [s.get("thousands") for s in query.start_at(value).stream()] == everything[place:]
    assert [s.get("thousands") for s in query.start_after(value).stream()] == everything[place + 1 :]
    assert [s.get("thousands") for s in query.end_at(value).stream()] == everything[: place + 1]
    assert [s.get("thousands") for s in query.end_before(value).stream()] == everything[:place]


def test_snapshot_cursors_page_through_equal_values(client: Client) -> None:
    batch = client.batch()
    for number in range(30):
        batch.set(client.document(f"c/d{number:02}"), {"day": number // 10})
    batch.commit()
    query = client.collection("c").order_by("day", direction=DESCENDING).limit(7)
    seen: list[str] = []
    page = list(query.stream())
    while page:
        seen += [snapshot.id for snapshot in page]
        page = list(query.start_after(page[-1]).stream())
    assert len(seen) == len(set(seen)) == 30
    assert seen == [f"d{number:02}" for number in reversed(range(30))]


def test_limit_to_last(cities: Client) -> None:
    query = cities.collection("cities").order_by("thousands").limit_to_last(2)
    assert [snapshot.id for snapshot in query.get()] == ["zagreb", "beograd"]


def test_offset_limit_and_projection(cities: Client) -> None:
    query = cities.collection("cities").order_by("thousands").offset(1).limit(2).select(["country"])
    assert [(s.id, s.to_dict()) for s in query.stream()] == [
        ("rijeka", {"country": "hr"}),
        ("split", {"country": "hr"}),
    ]
    names_only = cities.collection("cities").select([])
    assert all(snapshot.to_dict() == {} for snapshot in names_only.stream())


def test_names_can_be_compared(cities: Client) -> None:
    collection = cities.collection("cities")
    after = collection.where(filter=FieldFilter("__name__", ">", collection.document("nis")))
    assert _ids(after) == ["rijeka", "split", "zagreb"]
    among = [collection.document("nis"), collection.document("nowhere")]
    assert _ids(collection.where(filter=FieldFilter("__name__", "in", among))) == ["nis"]


def test_collection_group(client: Client) -> None:
    for path in ("orgs/a-b/consents/1", "orgs/a/consents/2", "orgs/a/consents/2/consents/3", "consents/4"):
        client.document(path).set({"due": int(path[-1])})
    client.document("orgs/a/other/5").set({"due": 5})
    group = client.collection_group("consents")
    assert [s.reference.path for s in group.stream()] == [
        "consents/4",
        "orgs/a/consents/2",
        "orgs/a/consents/2/consents/3",
        "orgs/a-b/consents/1",
    ]
    due = group.where(filter=FieldFilter("due", "<=", 3)).order_by("due").limit(2)
    assert _ids(due) == ["1", "2"]
    client.document("orgs/z/consents/6").set({"due": 0})
    client.document("orgs/a-b/consents/1").delete()
    assert _ids(due) == ["6", "2"]


def test_partitions_cover_the_group(client: Client) -> None:
    batch = client.batch()
    for number in range(100):
        batch.set(client.document(f"orgs/o{number % 7}/consents/c{number}"), {"n": number})
    batch.commit()
    partitions = list(client.collection_group("consents").get_partitions(4))
    counts = [len(list(partition.query().stream())) for partition in partitions]
    assert counts == [20, 20, 20, 20, 20]
    seen = [s.get("n") for partition in partitions for s in partition.query().stream()]
    assert sorted(seen) == list(range(100))
    assert len(list(client.collection_group("none").get_partitions(4))) == 1


def test_aggregations(cities: Client) -> None:
    query = cities.collection("cities").where(filter=FieldFilter("country", "==", "hr"))
    asked = query.count(alias="n").sum("thousands", alias="s").avg("thousands", alias="a")
    assert {result.alias: result.value for result in asked.get()[0]} == {"n": 3, "s": 1038, "a": 346.0}
    nothing = cities.collection("none").count(alias="n").sum("x", alias="s").avg("x", alias="a")
    # The average of nothing is null; the client library makes it 0.
    assert {result.alias: result.value for result in nothing.get()[0]} == {"n": 0, "s": 0, "a": 0}
    assert cities.collection("cities").limit(4).count().get()[0][0].value == 4


def test_a_refusal_reaches_the_client_in_words(cities: Client) -> None:
    with pytest.raises(InvalidArgument, match="30"):
        list(
            cities.collection("cities").where(filter=FieldFilter("thousands", "in", list(range(31)))).stream()
        )
