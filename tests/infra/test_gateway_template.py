from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.gateway_document import METHODS, UnknownBackend, render
from infra.gateway_template import ENVIRONMENTS, main, placeholder, template
from localcloud.gateway.routes import Backend, NoRoute, RouteTable

ROOT = Path(__file__).parents[2]
OPENAPI = yaml.safe_load((ROOT / "docs/api/openapi.yaml").read_text())
MANIFEST = yaml.safe_load((ROOT / "functions/manifest.yaml").read_text())
LIBRARY: dict[str, Any] = {
    "functions": {
        "books": {"trigger": "gateway", "environments": ["live", "sandbox"], "timeout_seconds": 15},
        "clock": {"trigger": "gateway", "environments": ["sandbox"], "timeout_seconds": 30},
        "worker": {"trigger": "tasks", "environments": ["live", "sandbox"], "timeout_seconds": 600},
    }
}
LIBRARY_API: dict[str, Any] = {
    "info": {"title": "Library", "version": "1"},
    "paths": {
        "/v1/books": {
            "get": {"operationId": "list", "x-google-backend": "books"},
            "post": {"operationId": "invent", "x-google-backend": "clock"},
        },
        "/v1/clock": {"post": {"operationId": "move", "x-google-backend": "clock"}},
    },
}


def addresses(environment: str) -> dict[str, str]:
    return {
        name: f"https://{name}.example"
        for name, entry in MANIFEST["functions"].items()
        if environment in entry["environments"]
    }


def filled(environment: str) -> dict[str, Any]:
    """As Terraform fills it: text, in which each placeholder becomes an address."""
    text = json.dumps(template(OPENAPI, MANIFEST, environment=environment))
    for name, address in addresses(environment).items():
        text = text.replace(placeholder(name), address)
    assert "${" not in text
    return json.loads(text)


def test_terraform_deploys_the_document_that_localclouds_gateway_serves() -> None:
    assert filled("sandbox") == render(OPENAPI, MANIFEST, addresses=addresses("sandbox"))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_localclouds_gateway_finds_a_declared_backend_for_every_operation(environment: str) -> None:
    document = filled(environment)
    table = RouteTable(document)

    for path, item in document["paths"].items():
        for method in METHODS:
            found = table.find(method=method.upper(), path=path.replace("{", "").replace("}", ""))
            assert isinstance(found, Backend), f"{method} {path}"
            assert found.name == item[method]["x-google-backend"]
            assert found.deadline_seconds == MANIFEST["functions"][found.name]["timeout_seconds"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_document_holds_only_what_api_gateway_reads(environment: str) -> None:
    document = filled(environment)

    assert set(document) == {"openapi", "info", "x-google-api-management", "paths"}
    assert document["openapi"].startswith("3.1.")
    backends = document["x-google-api-management"]["backends"]
    for backend in backends.values():
        assert set(backend) == {"address", "pathTranslation", "deadline", "protocol", "jwtAudience"}
        assert backend["address"].startswith("https://")
        assert 0 < backend["deadline"] <= 600
    for path, item in document["paths"].items():
        assert "**" not in path
        assert set(item) <= {"parameters", *METHODS}
        for method in METHODS:
            assert set(item[method]) == {"operationId", "x-google-backend", "responses"}
            assert item[method]["x-google-backend"] in backends


def test_what_only_the_sandbox_has_is_unknown_in_the_live_environment() -> None:
    live = RouteTable(template(LIBRARY_API, LIBRARY, environment="live"))
    sandbox = RouteTable(template(LIBRARY_API, LIBRARY, environment="sandbox"))

    for method, path in (("POST", "/v1/clock"), ("POST", "/v1/books")):
        there, here = sandbox.find(method=method, path=path), live.find(method=method, path=path)
        assert isinstance(there, Backend)
        assert isinstance(here, Backend | NoRoute)
        assert there.name == "clock"
        assert isinstance(here, Backend)
        assert here.name == "books", "the function that answers what the API does not have"


@pytest.mark.parametrize("backend", ["worker", "nobody"])
def test_an_operation_of_a_function_that_no_gateway_calls_is_refused(backend: str) -> None:
    api = {**LIBRARY_API, "paths": {"/v1/x": {"get": {"x-google-backend": backend}}}}

    with pytest.raises(UnknownBackend, match="GET /v1/x"):
        template(api, LIBRARY, environment="live")


def test_text_that_terraform_would_take_for_a_template_is_refused() -> None:
    with pytest.raises(ValueError, match="template"):
        template({**LIBRARY_API, "info": {"title": "${x}", "version": "1"}}, LIBRARY, environment="live")


def test_the_command_writes_one_file_an_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--output", str(tmp_path)]) == 0

    written = {path.name: json.loads(path.read_text()) for path in tmp_path.iterdir()}
    assert written == {
        f"gateway.{environment}.json": template(OPENAPI, MANIFEST, environment=environment)
        for environment in ENVIRONMENTS
    }
    assert "gateway.live.json" in capsys.readouterr().out
