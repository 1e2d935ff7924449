from __future__ import annotations

from typing import Any

import pytest

from localcloud.gateway.routes import Backend, NoRoute, RouteTable


def operation(backend: str) -> dict[str, str]:
    return {"x-google-backend": backend}


DOCUMENT: dict[str, Any] = {
    "x-google-api-management": {
        "backends": {
            name: {"address": f"http://{name}.example/", "deadline": 9.0, "jwtAudience": f"aud-{name}"}
            for name in ("all", "one", "parts", "rest")
        }
    },
    "paths": {
        "/v1/{path}": {
            "get": operation("rest"),
            "parameters": [{"name": "path", "x-google-parameter": {"pattern": "**"}}],
        },
        "/v1/books": {"get": operation("all")},
        "/v1/books/{id}": {"get": operation("one"), "delete": operation("one")},
        "/v1/books/{id}/parts": {"get": operation("parts")},
        "/v1/books/new": {"get": operation("all")},
    },
}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/books", "all"),
        ("/v1/books/", "all"),
        ("/v1/books/7", "one"),
        ("/v1/books/7/", "one"),
        ("/v1/books/new", "all"),
        ("/v1/books/7%2Fparts", "one"),
        ("/v1/books/7/parts", "parts"),
        ("/v1/books//parts", "rest"),
        ("/v1/books/7/8", "rest"),
        ("/v1/%62ooks", "rest"),
        ("/v1/", "rest"),
        ("/v1/a/b/c", "rest"),
    ],
)
def test_the_most_exact_template_wins(path: str, name: str) -> None:
    found = RouteTable(DOCUMENT).find(method="GET", path=path)

    assert isinstance(found, Backend)
    assert found.name == name


def test_a_method_may_fall_through_to_a_wider_template() -> None:
    document = {
        **DOCUMENT,
        "paths": {
            **DOCUMENT["paths"],
            "/v1/{path}": {
                "put": operation("rest"),
                "parameters": [{"name": "path", "x-google-parameter": {"pattern": "**"}}],
            },
        },
    }

    found = RouteTable(document).find(method="PUT", path="/v1/books")

    assert isinstance(found, Backend)
    assert found.name == "rest"


def test_the_gateway_refuses_what_is_not_in_the_document() -> None:
    table = RouteTable(DOCUMENT)

    assert table.find(method="GET", path="/v2/books") == NoRoute(
        404, "The current request is not defined by this API."
    )
    refusal = table.find(method="PUT", path="/v1/books/7")
    assert isinstance(refusal, NoRoute)
    assert refusal.status == 405
    assert '"/v1/books/{id}"' in refusal.message
    assert refusal.allow == ("GET", "DELETE")


def test_what_only_reaches_a_function_to_be_refused_is_not_allowed() -> None:
    undeclared = {"x-google-backend": "all", "operationId": "put_v1_books_undeclared"}
    table = RouteTable({**DOCUMENT, "paths": {"/v1/books": {"get": operation("all"), "put": undeclared}}})

    refusal = table.find(method="TRACE", path="/v1/books")

    assert isinstance(refusal, NoRoute)
    assert refusal.allow == ("GET",)
    assert isinstance(table.find(method="PUT", path="/v1/books"), Backend)


def test_a_backend_has_address_audience_and_deadline() -> None:
    found = RouteTable(DOCUMENT).find(method="DELETE", path="/v1/books/7")

    assert found == Backend(
        name="one", address="http://one.example", audience="aud-one", deadline_seconds=9.0
    )


def test_a_backend_without_authentication_gets_no_token() -> None:
    document = {
        "x-google-api-management": {"backends": {"a": {"address": "http://a", "disableAuth": True}}},
        "paths": {"/": {"get": operation("a")}},
    }

    assert RouteTable(document).find(method="GET", path="/") == Backend(
        name="a", address="http://a", audience=None, deadline_seconds=15.0
    )
