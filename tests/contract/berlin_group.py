"""Checks requests and replies against the Berlin Group's own OpenAPI document of NextGenPSD2 1.3.12.

The document is not part of this repository. It is looked for beside it, or where TOK_BERLIN_GROUP_DOCUMENT says.
"""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_schema_validator import OAS30Validator

_BESIDE = Path(__file__).parents[3] / "shared" / "berlin-group" / "psd2-api.yaml"
DOCUMENT = Path(os.environ.get("TOK_BERLIN_GROUP_DOCUMENT", _BESIDE))
_JSON = ("application/json", "application/problem+json")


class ContractBroken(AssertionError):
    """What the document says and the message does not."""


class BerlinGroup:
    """Paths are given from /v1 on, without the bank's base address."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._requests = _resolved(document)["paths"]
        # The document leaves most objects open, so that a misspelt field would pass: replies are checked closed.
        self._replies = _resolved(_closed(document))["paths"]

    def check_request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        query: Mapping[str, str],
        body: bytes | None = None,
    ) -> None:
        """Raises ContractBroken for what a bank of the standard would have to refuse.

        Links that a bank gave are followed as they are: their query is the bank's own, and is not for this check.
        """
        operation = _operation(self._requests, method, path)
        given_headers = {name.lower(): value for name, value in headers.items()}
        problems = []
        known_query = set()
        for parameter in operation.get("parameters", ()):
            name, place = parameter["name"], parameter["in"]
            if place == "query":
                known_query.add(name)
            given = given_headers.get(name.lower()) if place == "header" else query.get(name)
            if place == "path":
                continue
            if given is None:
                if parameter.get("required"):
                    problems.append(f"{place} parameter {name} is missing")
                continue
            problems += _problems(parameter["schema"], _read_as(parameter["schema"], given), name)
        problems += [f"query parameter {name} is not of the standard" for name in set(query) - known_query]
        declared_body = operation.get("requestBody")
        if declared_body and (body is not None or method == "POST"):
            problems += _body_problems(declared_body["content"], given_headers, body)
        _raise(f"{method} {path}", problems)

    def check_reply(
        self, method: str, path: str, *, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        """Raises ContractBroken for a status, header or body that the document does not have."""
        operation = _operation(self._replies, method, path)
        if str(status) not in operation["responses"]:
            raise ContractBroken(f"{method} {path}: status {status} is not declared")
        reply = operation["responses"][str(status)]
        given = {name.lower(): value for name, value in headers.items()}
        problems = []
        for name, header in reply.get("headers", {}).items():
            value = given.get(name.lower())
            if value is None:
                problems += [f"header {name} is missing"] if header.get("required") else []
            else:
                problems += _problems(header["schema"], _read_as(header["schema"], value), name)
        if "content" in reply:
            problems += _body_problems(reply["content"], given, body)
        _raise(f"{method} {path} {status}", problems)


def _operation(paths: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    # The payments' paths have variables everywhere and match almost anything: fewest variables win.
    for template in sorted(paths, key=lambda template: template.count("{")):
        pattern = re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path) and method.lower() in paths[template]:
            operation: dict[str, Any] = paths[template][method.lower()]
            return operation
    raise ContractBroken(f"{method} {path} is not an operation of the standard")


def _body_problems(content: dict[str, Any], headers: Mapping[str, str], body: bytes | None) -> list[str]:
    media_type = headers.get("content-type", "").partition(";")[0].strip()
    if media_type not in content or media_type not in _JSON:
        return [f"content type {media_type or 'none'} is not declared"]
    try:
        value = json.loads(body or b"")
    except ValueError as error:
        return [f"the body is not JSON: {error}"]
    return _problems(content[media_type]["schema"], value, "body")


def _problems(schema: dict[str, Any], value: Any, where: str) -> list[str]:
    validator = OAS30Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [
        f"{where}{''.join(f'[{step!r}]' for step in error.absolute_path)}: {error.message[:300]}"
        for error in validator.iter_errors(value)
    ]


@cache
def _load(path: Path) -> BerlinGroup:
    return BerlinGroup(yaml.load(path.read_text("utf-8"), Loader=yaml.CSafeLoader))


def load_berlin_group() -> BerlinGroup:
    """The checker; skips the test, saying why, on a machine without the document."""
    if not DOCUMENT.exists():
        pytest.skip(f"the Berlin Group's OpenAPI document is not on this machine: {DOCUMENT}")
    return _load(DOCUMENT)


def _resolved(document: dict[str, Any]) -> dict[str, Any]:
    """The document with every reference replaced by what it names. It has no cycles."""
    done: dict[str, Any] = {}

    def walk(value: Any) -> Any:
        if isinstance(value, list):
            return [walk(item) for item in value]
        if not isinstance(value, dict):
            return value
        reference = value.get("$ref")
        if not isinstance(reference, str):
            return {key: walk(item) for key, item in value.items()}
        if reference not in done:
            found: Any = document
            for step in reference.removeprefix("#/").split("/"):
                found = found[step]
            done[reference] = walk(found)
        return done[reference]

    resolved: dict[str, Any] = walk(document)
    return resolved


def _closed(document: dict[str, Any]) -> dict[str, Any]:
    closed = copy.deepcopy(document)
    for schema in closed["components"]["schemas"].values():
        if "properties" in schema and "allOf" not in schema:
            schema.setdefault("additionalProperties", False)
    return closed


def _read_as(schema: dict[str, Any], text: str) -> Any:
    """A header or query value as its schema's type."""
    kind = schema.get("type")
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if kind == "integer" and re.fullmatch(r"-?[0-9]+", text):
        return int(text)
    return text


def _raise(where: str, problems: list[str]) -> None:
    if problems:
        raise ContractBroken(f"{where}: " + "; ".join(problems))
