from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.gateway_document import METHODS, UnknownBackend, main, render
from infra.gateway_template import placeholder, template
from localcloud.stack import plan
from localcloud.stack.parts import GATEWAY_DOCUMENT
from tests.stack import ROOT, Stack

MANIFEST: dict[str, Any] = {
    "functions": {
        "worker": {"trigger": "tasks", "timeout_seconds": 600, "environments": ["live", "sandbox"]},
        "books": {"trigger": "gateway", "timeout_seconds": 15, "environments": ["live", "sandbox"]},
        "loans": {"trigger": "gateway", "timeout_seconds": 60, "environments": ["live", "sandbox"]},
        "toys": {"trigger": "gateway", "timeout_seconds": 15, "environments": ["sandbox"]},
    }
}
OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Library", "version": "1.2.3", "description": "left out"},
    "servers": [{"url": "https://library.example/v1"}],
    "security": [{"apiKey": []}],
    "paths": {
        "/v1/books": {"get": {"operationId": "listBooks", "x-google-backend": "books"}},
        "/v1/books/{bookId}/loans": {
            "post": {"operationId": "lend", "x-google-backend": "loans", "security": [{"apiKey": []}]}
        },
    },
}
ADDRESSES = {"books": "https://books.example", "loans": "https://loans.example"}


def rendered(**changes: Any) -> dict[str, Any]:
    return render({**OPENAPI, **changes}, MANIFEST, addresses=ADDRESSES)


def test_backends_have_address_deadline_and_audience() -> None:
    backends = rendered()["x-google-api-management"]["backends"]

    assert set(backends) == {"books", "loans"}, "only functions that the gateway calls"
    assert backends["loans"] == {
        "address": "https://loans.example",
        "pathTranslation": "APPEND_PATH_TO_ADDRESS",
        "deadline": 60.0,
        "protocol": "http/1.1",
        "jwtAudience": "https://loans.example",
    }


def test_an_audience_may_differ_from_the_address() -> None:
    document = render(OPENAPI, MANIFEST, addresses=ADDRESSES, audiences={"loans": "https://other.example"})

    assert document["x-google-api-management"]["backends"]["loans"]["jwtAudience"] == "https://other.example"


def test_methods_that_a_path_lacks_reach_its_own_function() -> None:
    item = rendered()["paths"]["/v1/books/{bookId}/loans"]

    assert {method for method in item if method != "parameters"} == set(METHODS)
    assert {item[method]["x-google-backend"] for method in METHODS} == {"loans"}
    assert item["post"]["operationId"] == "lend"


def test_unknown_paths_reach_the_first_gateway_function() -> None:
    paths = rendered()["paths"]

    assert paths["/v1/{path}"]["get"]["x-google-backend"] == "books"
    assert paths["/v1/{path}"]["parameters"] == [
        {
            "name": "path",
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
            "x-google-parameter": {"pattern": "**"},
        }
    ]
    assert paths["/v1"]["delete"]["x-google-backend"] == "books"


def test_operation_ids_are_unique() -> None:
    operation_ids = [
        item[method]["operationId"] for item in rendered()["paths"].values() for method in METHODS
    ]

    assert len(operation_ids) == len(set(operation_ids))


def test_the_gateway_enforces_no_security_of_its_own() -> None:
    assert "security" not in json.dumps(rendered())


def test_paths_below_the_server_url_get_its_path_in_front() -> None:
    document = rendered(paths={"/books": OPENAPI["paths"]["/v1/books"]})

    assert set(document["paths"]) == {"/v1/books", "/v1", "/v1/{path}"}


@pytest.mark.parametrize("backend", [{}, {"x-google-backend": "nobody"}])
def test_an_operation_without_a_function_is_refused(backend: dict[str, str]) -> None:
    with pytest.raises(UnknownBackend, match="GET /v1/books"):
        rendered(paths={"/v1/books": {"get": backend}})


def test_an_environment_has_no_path_of_a_function_that_it_lacks() -> None:
    paths = {**OPENAPI["paths"], "/v1/toys": {"get": {"operationId": "play", "x-google-backend": "toys"}}}
    addresses = {**ADDRESSES, "toys": "https://toys.example"}
    openapi = {**OPENAPI, "paths": paths}

    sandbox = render(openapi, MANIFEST, addresses=addresses, environment="sandbox")
    live = render(openapi, MANIFEST, addresses=ADDRESSES, environment="live")

    assert "/v1/toys" in sandbox["paths"]
    assert live == rendered(), "unknown there: the fallback answers"


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_the_command_prints_the_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    for name, content in {"openapi": OPENAPI, "manifest": MANIFEST, "addresses": ADDRESSES}.items():
        (tmp_path / name).write_text(json.dumps(content))

    status = main(
        [
            *(f"--{name}={tmp_path / name}" for name in ("openapi", "manifest", "addresses")),
            f"--format={form}",
            "--environment=live",
        ]
    )

    printed = capsys.readouterr().out
    assert status == 0
    assert (json.loads if form == "json" else yaml.safe_load)(printed) == rendered()


@pytest.mark.stack
def test_the_running_gateway_serves_the_document_that_terraform_deploys(stack: Stack) -> None:
    served = json.loads((stack.folder / GATEWAY_DOCUMENT).read_text())

    deployed = json.dumps(
        template(
            yaml.safe_load((ROOT / "docs/api/openapi.yaml").read_text()),
            yaml.safe_load((ROOT / "functions/manifest.yaml").read_text()),
            environment=plan.ENVIRONMENT,
        )
    )
    for name, backend in served["x-google-api-management"]["backends"].items():
        deployed = deployed.replace(placeholder(name), backend["address"])
    assert json.loads(deployed) == served
