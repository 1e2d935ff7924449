"""Field transforms: their results, their order, their numbers."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from google.cloud.firestore import ArrayRemove, ArrayUnion, Client, Increment, Maximum, Minimum

from localcloud.firestore.messages import Value, request_class
from tests.localcloud.firestore.raw_client import RawClient

BIG = 2**63 - 1


@pytest.mark.parametrize(
    ("stored", "transform", "expected"),
    [
        (1, Increment(2), 3),
        (1, Increment(0.5), 1.5),
        (BIG, Increment(1), BIG),
        (-BIG, Increment(-5), -BIG - 1),
        ("text", Increment(2), 2),
        (1, Maximum(2), 2),
        (3, Maximum(2), 3),
        (3, Maximum(3.0), 3),
        (3.0, Minimum(3), 3.0),
        (3, Minimum(2.5), 2.5),
        ("text", Minimum(4), 4),
        ([1, "a"], ArrayUnion(["a", "b", "b", 1.0]), [1, "a", "b"]),
        ("text", ArrayUnion([1]), [1]),
        ([1, "a", 1.0, None], ArrayRemove([1, None]), ["a"]),
        ("text", ArrayRemove([1]), []),
    ],
)
def test_transform(client: Client, stored: Any, transform: Any, expected: Any) -> None:
    client.document("c/d").set({"f": stored})
    client.document("c/d").update({"f": transform})
    found = client.document("c/d").get().get("f")
    assert found == expected
    assert type(found) is type(expected)


def test_maximum_with_nan_is_nan(client: Client) -> None:
    client.document("c/d").set({"f": 1})
    client.document("c/d").update({"f": Maximum(math.nan)})
    assert math.isnan(client.document("c/d").get().get("f"))


def test_ordered_transforms_on_one_field_return_each_result(raw: RawClient, project: str) -> None:
    """A rate limiter's whole decision in one blind write: [maximum(now), increment(cost)]."""
    database = f"projects/{project}/databases/(default)"
    request = request_class("Commit")(database=database)
    write = request.writes.add()
    write.update.name = f"{database}/documents/rateLimits/org"
    write.update_mask.SetInParent()
    write.update_transforms.add(field_path="tat", maximum=Value(integer_value=100))
    write.update_transforms.add(field_path="tat", increment=Value(integer_value=7))
    results = []
    for _ in range(2):
        (response,) = raw.call("Commit", request)
        results.append([r.integer_value for r in response.write_results[0].transform_results])
    assert results == [[100, 107], [107, 114]]


def test_increments_from_many_threads_are_never_lost(client: Client) -> None:
    def add(_number: int) -> None:
        client.document("c/d").set({"n": Increment(1)}, merge=True)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(200)))
    assert client.document("c/d").get().get("n") == 200
