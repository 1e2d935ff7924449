"""The same seeded requests to our server and to Google's emulator must have the same answers.

A failure prints its seed; the seed makes the same requests again.
"""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from test_utils.system import unique_resource_id

from tests.localcloud.firestore.generate import Generator
from tests.localcloud.firestore.raw_client import RawClient

pytestmark = pytest.mark.google

QUERIES = 250
AGGREGATIONS = 150
COMMITS = 150
# Production serves these with a declared index, and so do we.
_ONLY_GOOGLES_EMULATOR_REFUSES = "Firestore does not support descending key scans"


@pytest.fixture
def database() -> str:
    return f"projects/diff{unique_resource_id('-')}/databases/(default)"


def _answer(client: RawClient, method: str, request: Any) -> tuple[str, str, list[Any]]:
    """Status, its details, responses."""
    try:
        return "OK", "", client.call(method, request)
    except grpc.RpcError as error:
        return error.code().name, error.details(), []


def _documents(responses: list[Any]) -> list[tuple[str, str]]:
    """Names and fields, in order; as text, in which NaN equals itself."""
    found = [response.document for response in responses if response.HasField("document")]
    return [(document.name, _fields(document.fields)) for document in found]


def _fields(fields: Any) -> str:
    return "".join(f"{name}: {fields[name]}" for name in sorted(fields))


@pytest.mark.parametrize("seed", range(3))
def test_queries(raw: RawClient, google: RawClient, database: str, seed: int) -> None:
    filling = Generator(seed, database=database).documents()
    raw.call("Commit", filling)
    google.call("Commit", filling)
    answered = 0
    for number in range(QUERIES):
        request = Generator(f"{seed}-{number}", database=database).query()
        status, details, responses = _answer(raw, "RunQuery", request)
        expected, expected_details, expected_responses = _answer(google, "RunQuery", request)
        if expected_details == _ONLY_GOOGLES_EMULATOR_REFUSES:
            continue
        assert (status, _documents(responses)) == (expected, _documents(expected_responses)), (
            f"seed {seed}-{number}: {request}\nours: {details}\nGoogle's: {expected_details}"
        )
        answered += status == "OK"
    assert answered > QUERIES / 3


def test_aggregations(raw: RawClient, google: RawClient, database: str) -> None:
    filling = Generator("aggregations", database=database).documents()
    raw.call("Commit", filling)
    google.call("Commit", filling)
    answered = 0
    for number in range(AGGREGATIONS):
        request = Generator(f"aggregation-{number}", database=database).aggregation()
        status, details, responses = _answer(raw, "RunAggregationQuery", request)
        expected, expected_details, expected_responses = _answer(google, "RunAggregationQuery", request)
        if expected_details == _ONLY_GOOGLES_EMULATOR_REFUSES:
            continue
        got = [_fields(response.result.aggregate_fields) for response in responses]
        wanted = [_fields(response.result.aggregate_fields) for response in expected_responses]
        assert (status, got) == (expected, wanted), (
            f"seed {number}: {request}\nours: {details}\nGoogle's: {expected_details}"
        )
        answered += status == "OK"
    assert answered > AGGREGATIONS / 3


@pytest.mark.parametrize("seed", range(2))
def test_commits(raw: RawClient, google: RawClient, database: str, seed: int) -> None:
    """Statuses, the transforms' results, which writes changed nothing, and what is stored afterwards."""
    stored: dict[RawClient, dict[str, Any]] = {raw: {}, google: {}}
    applied = 0
    for number in range(COMMITS):
        request = Generator(f"commit-{seed}-{number}", database=database).commit()
        outcomes = []
        for client in (raw, google):
            status, details, responses = _answer(client, "Commit", request)
            results = [str(list(r.transform_results)) for x in responses for r in x.write_results]
            outcomes.append((status, results, _state(client, database, stored)))
        assert outcomes[0] == outcomes[1], f"seed {seed}-{number}: {request}\n{details}"
        applied += outcomes[0][0] == "OK"
    assert applied > COMMITS / 3


def _state(client: RawClient, database: str, stored: dict[RawClient, dict[str, Any]]) -> list[Any]:
    """Name, fields and whether the update time moved since the last look, of every document."""
    query = Generator("", database=database).query()
    query.ClearField("structured_query")
    query.structured_query.from_.add(collection_id="w")
    found = [r.document for r in client.call("RunQuery", query) if r.HasField("document")]
    before, now = stored[client], {document.name: document.update_time for document in found}
    state = [(d.name, _fields(d.fields), before.get(d.name) == d.update_time) for d in found]
    stored[client] = now
    return state
