"""The document that API Gateway is given, made of docs/api/openapi.yaml and functions/manifest.yaml.

API Gateway reads OpenAPI 3.1 in its own way (Google: "OpenAPI 3.x extensions in API Gateway", "Understand
path templating"): `x-google-backend` is a string that names one of `x-google-api-management.backends`; a path
parameter matches one segment, or the rest of the path with `x-google-parameter: {pattern: "**"}` (`{name=**}`
is refused in 3.x); every path also matches with a slash at its end. What the document does not name, the
gateway answers itself, in a format that cannot be changed. So the methods that a path lacks, and every other
path under the base path, are routed to a function too, and clients always meet the API's own errors.

The document holds routes and nothing else: functions check the keys, and schemas, examples and security would
only be more for the gateway to refuse.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
"""What a path may declare at API Gateway. Any other method it refuses by itself."""

UNDECLARED = "_undeclared"
"""How the operationId ends of what the API does not have, and a function refuses."""

_PARAMETER = re.compile(r"\{([^{}]+)\}")
_ROOT = Path(__file__).resolve().parents[1]

JsonObject = dict[str, Any]


class UnknownBackend(ValueError):
    """An operation names a function that the manifest lacks, or none at all."""


def render(
    openapi: Mapping[str, Any],
    manifest: Mapping[str, Any],
    *,
    addresses: Mapping[str, str],
    audiences: Mapping[str, str] | None = None,
    fallback: str | None = None,
    environment: str | None = None,
) -> JsonObject:
    """The gateway's document as plain data, ready for JSON or YAML.

    `addresses` is function → URL for every function that operations name; `audiences` is function → the `aud`
    that it expects where that is not its address; `fallback` is the function that answers unknown paths, by
    default the first in the manifest that the gateway calls. Operations of functions that `environment` does not
    have are left out; a path without any other is answered as any unknown path.

    Raises UnknownBackend.
    """
    functions = manifest["functions"]
    fallback = fallback or next(name for name, entry in functions.items() if entry["trigger"] == "gateway")
    base_path = _base_path(openapi)
    paths: JsonObject = {}
    for path, item in openapi["paths"].items():
        served = item if environment is None else _of(environment, item, functions=functions)
        if served is not None:
            paths[base_path + path] = _path_item(base_path + path, served, functions=functions)
    root = base_path or _common_root(paths)
    for path in (root or "/", f"{root}/{{path}}"):
        if path not in paths:
            paths[path] = _catch_all(path, backend=fallback)
    used = {
        operation["x-google-backend"]
        for item in paths.values()
        for method, operation in item.items()
        if method in METHODS
    }
    return {
        "openapi": "3.1.0",
        "info": {key: openapi["info"][key] for key in ("title", "version")},
        "x-google-api-management": {
            "backends": {
                name: _backend(
                    address=addresses[name],
                    audience=(audiences or {}).get(name, addresses[name]),
                    deadline_seconds=functions[name]["timeout_seconds"],
                )
                for name in functions
                if name in used
            }
        },
        "paths": paths,
    }


def _base_path(openapi: Mapping[str, Any]) -> str:
    """The path of the first server's URL, for documents whose paths start below it."""
    servers = openapi.get("servers") or [{"url": ""}]
    url: str = servers[0]["url"]
    base_path = urlsplit(url).path.rstrip("/")
    if base_path and all(path.startswith(f"{base_path}/") for path in openapi["paths"]):
        return ""
    return base_path


def _common_root(paths: Mapping[str, Any]) -> str:
    """`/v1` when every path starts with it, else nothing."""
    firsts = {path.split("/")[1] for path in paths}
    return f"/{firsts.pop()}" if len(firsts) == 1 else ""


def _of(environment: str, item: Mapping[str, Any], *, functions: Mapping[str, Any]) -> JsonObject | None:
    """A path's operations whose functions are there; None when it had others only. What names no function of the
    manifest is refused later."""
    elsewhere = {
        method
        for method in METHODS
        if method in item
        and (name := item[method].get("x-google-backend")) in functions
        and environment not in functions[name]["environments"]
    }
    if elsewhere and elsewhere == {method for method in METHODS if method in item}:
        return None
    return {key: value for key, value in item.items() if key not in elsewhere}


def _path_item(path: str, item: Mapping[str, Any], *, functions: Mapping[str, Any]) -> JsonObject:
    declared = [method for method in METHODS if method in item]
    if not declared:
        raise UnknownBackend(f"{path} has no operation")
    for method in declared:
        called = functions.get(item[method].get("x-google-backend"), {}).get("trigger")
        if called != "gateway":
            raise UnknownBackend(
                f"{method.upper()} {path} needs an x-google-backend that the manifest lists for the gateway"
            )
    operations = {
        method: _operation(
            method,
            path,
            backend=item[method if method in declared else declared[0]]["x-google-backend"],
            operation_id=item[method].get("operationId") if method in declared else None,
        )
        for method in METHODS
    }
    return {**_parameters(path), **operations}


def _catch_all(path: str, *, backend: str) -> JsonObject:
    operations = {method: _operation(method, path, backend=backend) for method in METHODS}
    return {**_parameters(path, rest="path"), **operations}


def _operation(method: str, path: str, *, backend: str, operation_id: str | None = None) -> JsonObject:
    return {
        "operationId": operation_id
        or f"{method}_{re.sub(r'[^0-9A-Za-z]+', '_', path).strip('_')}{UNDECLARED}",
        "x-google-backend": backend,
        "responses": {"default": {"description": "The function's reply."}},
    }


def _parameters(path: str, *, rest: str | None = None) -> JsonObject:
    """The path's parameters; the one called `rest` matches everything that is left, slashes too."""
    parameters = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
            **({"x-google-parameter": {"pattern": "**"}} if name == rest else {}),
        }
        for name in _PARAMETER.findall(path)
    ]
    return {"parameters": parameters} if parameters else {}


def _backend(*, address: str, audience: str, deadline_seconds: float) -> JsonObject:
    return {
        "address": address,
        "pathTranslation": "APPEND_PATH_TO_ADDRESS",
        "deadline": float(deadline_seconds),  # the gateway's own is 15 s
        "protocol": "http/1.1",
        "jwtAudience": audience,
    }


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(prog="python -m infra.gateway_document", description=__doc__)
    options.add_argument("--openapi", type=Path, default=_ROOT / "docs/api/openapi.yaml")
    options.add_argument("--manifest", type=Path, default=_ROOT / "functions/manifest.yaml")
    options.add_argument(
        "--addresses",
        type=Path,
        required=True,
        help="JSON: function to URL, as Terraform's outputs give them",
    )
    options.add_argument("--environment", choices=("live", "sandbox"), required=True)
    options.add_argument("--format", choices=("yaml", "json"), default="yaml")
    chosen = options.parse_args(arguments)
    document = render(
        yaml.safe_load(chosen.openapi.read_text()),
        yaml.safe_load(chosen.manifest.read_text()),
        addresses=json.loads(chosen.addresses.read_text()),
        environment=chosen.environment,
    )
    if chosen.format == "json":
        json.dump(document, sys.stdout, indent=2)
        print()
    else:
        yaml.dump(document, sys.stdout, Dumper=_PlainDumper, sort_keys=False)
    return 0


class _PlainDumper(yaml.SafeDumper):
    """Without anchors: not every reader of YAML on the way follows them."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


if __name__ == "__main__":
    raise SystemExit(main())
