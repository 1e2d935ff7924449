from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from shared.domain import audit, bank_data, banks
from shared.domain.rate_limits import LIMITS
from shared.domain.roles import LEAST_ROLE, ROLES
from shared.http.errors import INTERNAL, TABLE
from tests.contract.openapi import PATH, JsonObject, document, find_template, operations, resolve, validator

OPERATIONS = [
    pytest.param(method, template, operation, id=operation["operationId"])
    for method, template, operation in operations()
]
RATE_LIMIT_HEADERS = {
    "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit-Policy", "RateLimit",
}  # fmt: skip
SCHEMAS: JsonObject = document()["components"]["schemas"]
REQUESTS = {
    "ConsentRequest", "KeyRequest", "KeyRotation", "OrganisationChange", "RefreshRequest", "RenewalRequest",
}  # fmt: skip
"""Bodies of which fields may be left out."""


def _walk(node: Any, path: str = "#") -> Iterator[tuple[str, JsonObject]]:
    if isinstance(node, dict):
        yield path, node
        for name, child in node.items():
            yield from _walk(child, f"{path}/{name}")
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from _walk(child, f"{path}/{index}")


def _examples() -> Iterator[tuple[str, JsonObject, Any]]:
    """(where, schema, value) of every example, wherever OpenAPI lets one be written."""
    for path, node in _walk(document()):
        if "schema" in node:
            if "example" in node:
                yield path, node["schema"], node["example"]
            for name, example in node.get("examples", {}).items():
                yield f"{path}/{name}", node["schema"], example["value"]
        if "/schemas/" in path and isinstance(node.get("examples"), list):
            for value in node["examples"]:
                yield path, node, value


def test_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(yaml.safe_load(PATH.read_text())).validate()


@pytest.mark.parametrize(
    ("schema", "value"), [pytest.param(schema, value, id=where) for where, schema, value in _examples()]
)
def test_example_is_valid(schema: JsonObject, value: Any) -> None:
    problems = [f"{error.json_path}: {error.message}" for error in validator(schema).iter_errors(value)]
    assert not problems


def test_every_body_and_parameter_has_an_example() -> None:
    without = [
        path
        for path, node in _walk(document())
        if "schema" in node
        and not re.search(r"/(schemas|properties)/", path)
        and "example" not in node
        and "examples" not in node
        and "default" not in node["schema"]
    ]
    assert without == []


@pytest.mark.parametrize(("method", "template", "operation"), OPERATIONS)
def test_operation_is_whole(method: str, template: str, operation: JsonObject) -> None:
    assert template.startswith("/v1/"), "API Gateway ignores the path of a server's URL"
    assert operation["summary"]
    assert operation["description"]
    assert set(operation["tags"]) <= {tag["name"] for tag in document()["tags"]}
    in_path = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
    assert in_path == set(re.findall(r"\{([^{}]+)\}", template))
    assert find_template(template) == template

    responses = operation["responses"]
    secured = operation.get("security", document()["security"]) != []
    of_nobody = not secured or operation.get("x-tok-permission") == "signed-in"
    expected = {"400", "500"} | ({"401"} if secured else set()) | ({"404"} if in_path else set())
    expected |= set() if of_nobody else {"429"}
    expected |= {"409", "413", "415"} if method in ("POST", "PATCH") else set()
    assert expected <= set(responses)
    assert any(status[0] in "23" for status in responses)
    for status, node in responses.items():
        headers = resolve(node).get("headers", {})
        required = {name for name, header in headers.items() if resolve(header).get("required")}
        assert {"X-Request-Id", "Cache-Control", "X-Content-Type-Options"} <= required, status
        assert ("Retry-After" in required) == (status == "429")
        # Those may come before the organisation is known.
        early = {"401", "413", "500"} | ({"400", "404"} if "x-tok-permission" in operation else set())
        tells_limit = not of_nobody and status not in early
        assert required & RATE_LIMIT_HEADERS == (RATE_LIMIT_HEADERS if tells_limit else set()), status
        assert ("WWW-Authenticate" in required) == (status == "401")
        assert ("content" in resolve(node)) == (status not in ("204", "302"))


def test_operation_ids_are_unique_verbs() -> None:
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(ids)) == len(ids)
    assert all(
        re.fullmatch(
            r"(list|get|create|renew|revoke|complete|move|refresh|sync|update|change|remove|leave|invite|withdraw|accept"
            r"|rotate|erase|export)[A-Z][A-Za-z]+",
            each,
        )
        for each in ids
    )


def test_every_operation_names_a_function_that_the_gateway_may_call() -> None:
    manifest = yaml.safe_load((Path(__file__).parents[2] / "functions" / "manifest.yaml").read_text())
    callable_functions = {
        name for name, entry in manifest["functions"].items() if entry["trigger"] == "gateway"
    }
    named = {operation["x-google-backend"] for _, _, operation in operations()}
    assert named == callable_functions


@pytest.mark.parametrize("name", [name for name, schema in SCHEMAS.items() if schema.get("type") == "object"])
def test_objects_are_closed_and_replies_whole(name: str) -> None:
    schema = SCHEMAS[name]
    if name == "ConsentFields":
        users = [
            each
            for each in SCHEMAS.values()
            if {"$ref": f"#/components/schemas/{name}"} in each.get("allOf", [])
        ]
        assert users
        assert all(each["unevaluatedProperties"] is False for each in users)
    else:
        assert schema.get("additionalProperties", schema.get("unevaluatedProperties")) is False
    if name not in (*REQUESTS, "CreatedConsent", "Consent", "RenewingConsent"):
        assert schema["required"] == list(schema["properties"]), (
            "a field that is not known is null, never left out"
        )


def test_the_error_catalogue_lists_every_code_with_its_statuses() -> None:
    code = SCHEMAS["ErrorCode"]
    rows = re.findall(r"^\| `([A-Z_]+)` \| (\d{3}) \|", code["description"], re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(code["enum"])
    catalogue = dict(rows)
    answered = {kind.code: str(kind.status) for kind in [*TABLE.values(), INTERNAL]}
    assert answered.items() <= catalogue.items()
    for _, _, operation in operations():
        for status, node in operation["responses"].items():
            for _, example in _walk(resolve(node).get("content", {})):
                if isinstance(example.get("error"), dict) and "requestId" in example["error"]:
                    assert catalogue[example["error"]["code"]] == status


def test_the_limits_are_the_domains() -> None:
    told = re.findall(r"^\| (\w+) \| ([\d,]+) \| (\d+) \|$", document()["info"]["description"], re.MULTILINE)
    assert {tier.lower(): (int(minute.replace(",", "")), int(burst)) for tier, minute, burst in told} == {
        tier: (limit.per_minute, limit.burst) for tier, limit in LIMITS.items()
    }
    limit = resolve(document()["components"]["headers"]["X-RateLimit-Limit"])["schema"]["enum"]
    assert limit == [each.per_minute for each in LIMITS.values()]


def test_the_control_plane_takes_people_and_everything_else_keys() -> None:
    for _, _, operation in operations():
        security = operation.get("security", document()["security"])
        if operation["x-google-backend"] in ("organisation", "privacy"):
            assert security == [{"userToken": []}]
            permission = operation["x-tok-permission"]
            assert permission == "signed-in" or permission in LEAST_ROLE
            names = {each["name"] for each in operation["parameters"]}
            assert ("X-Organisation-Id" in names) == (permission != "signed-in")
        else:
            assert security in ([{"apiKey": []}], [])
            assert "x-tok-permission" not in operation


def test_the_roles_are_the_tables() -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \| ([a-z]+) \|", SCHEMAS["Role"]["description"], re.MULTILINE)
    assert dict(rows) == LEAST_ROLE
    assert SCHEMAS["Role"]["enum"] == list(ROLES)
    used = {operation.get("x-tok-permission") for _, _, operation in operations()}
    assert used - {None, "signed-in"} == set(LEAST_ROLE), "a permission that no operation takes"


def test_words_are_the_domains() -> None:
    assert SCHEMAS["AuditAction"]["enum"] == list(get_args(audit.Action))
    assert SCHEMAS["AuditActor"]["properties"]["kind"]["enum"] == list(get_args(audit.ActorKind))

    assert set(SCHEMAS["Bank"]["properties"]["features"]["items"]["enum"]) == set(get_args(banks.Feature))
    assert set(SCHEMAS["Balance"]["properties"]["type"]["enum"]) == set(get_args(bank_data.BalanceType))
    assert set(SCHEMAS["Account"]["properties"]["type"]["enum"]) == set(get_args(bank_data.AccountType))
    transaction = SCHEMAS["Transaction"]["properties"]
    assert set(transaction["direction"]["enum"]) == set(get_args(bank_data.Direction))
    assert set(transaction["status"]["enum"]) == set(get_args(bank_data.BookingStatus))
