"""docs/api/openapi.yaml as a judge of replies: whatever the API answers is what the document says, or the test fails.

`ContractClient` is an httpx client that judges every reply by itself; tests that call the API use it.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import httpx
import yaml
from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.stack import PatientClient

PATH = Path(__file__).resolve().parents[2] / "docs" / "api" / "openapi.yaml"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

# What the gateway may refuse by itself, before an operation is reached (RFC 9110 §15.5, RFC 6585 §5).
_GATEWAY_REFUSALS = {400, 411, 413, 414, 417, 431}
_URI = "urn:tok:openapi"

JsonObject = dict[str, Any]


class ContractViolation(AssertionError):
    pass


class Reply(Protocol):
    """What httpx, requests and schemathesis replies have in common."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def content(self) -> bytes: ...


class ContractClient(PatientClient):
    """Paths are relative to `gateway_url` (which ends in /v1) and every reply is judged by the document.

    `timeout_seconds` is generous: a busy machine is no violation.
    """

    def __init__(
        self,
        gateway_url: str,
        *,
        api_key: str | None = None,
        user_token: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = 90,
    ) -> None:
        authorisation = {} if api_key is None else {"Authorization": f"ApiKey {api_key}"}
        if user_token is not None:
            authorisation = {"Authorization": f"Bearer {user_token}"}
        super().__init__(
            base_url=gateway_url,
            headers={**authorisation, **(headers or {})},
            timeout=timeout_seconds,
            event_hooks={"response": [_judge]},
        )


def _judge(response: httpx.Response) -> None:
    response.read()
    validate_reply(response.request.method, str(response.request.url), cast(Reply, response))


@functools.cache
def document() -> JsonObject:
    return cast(JsonObject, yaml.safe_load(PATH.read_text()))


def operations() -> Iterator[tuple[str, str, JsonObject]]:
    """(method in capitals, path template, operation with its path's parameters) in the document's order."""
    for template, item in document()["paths"].items():
        for method in METHODS:
            if method in item:
                parameters = [
                    resolve(each)
                    for each in [*item.get("parameters", []), *item[method].get("parameters", [])]
                ]
                yield method.upper(), template, {**item[method], "parameters": parameters}


def takes_user(operation: JsonObject) -> bool:
    """Whether a signed-in person calls it, and no key."""
    return operation.get("security") == [{"userToken": []}]


def resolve(node: JsonObject) -> JsonObject:
    """The object itself, or what its `$ref` (always within the document) names."""
    while "$ref" in node:
        found: Any = document()
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        node = found
    return node


def validator(schema: JsonObject) -> Draft202012Validator:
    """For a schema out of the document; its `$ref`s mean the document."""
    absolute = json.loads(json.dumps(schema).replace('"$ref": "#/', f'"$ref": "{_URI}#/'))
    return Draft202012Validator(absolute, registry=_registry(), format_checker=_formats())


def find_template(url: str) -> str | None:
    """The document's template for a URL, its path, or the template itself. Literal segments win over parameters."""
    path = urlsplit(url).path
    templates = sorted(document()["paths"], key=lambda template: template.count("{"))
    for template in templates:
        parts = re.split(r"\{[^{}]+\}", template)
        if path == template or re.fullmatch("[^/]+".join(map(re.escape, parts)), path):
            return cast(str, template)
    return None


def validate_reply(method: str, path_template_or_url: str, response: Reply) -> None:
    """Raises ContractViolation that lists everything in which the reply differs from the document."""
    template = find_template(path_template_or_url)
    item = document()["paths"].get(template, {})
    operation = item.get(method.lower())
    if method.upper() == "HEAD" and "get" in item:
        problems = list(_head_problems(item["get"], response))
    elif _is_gateways(response):
        problems = list(_gateway_problems(method, path_template_or_url, operation, response))
    elif operation is None:
        problems = list(_unknown_operation_problems(method, path_template_or_url, template, response))
    else:
        problems = list(_operation_problems(operation, response))
    if problems:
        shown = response.content[:1000].decode("utf-8", "backslashreplace")
        raise ContractViolation(
            f"{method} {path_template_or_url} answered {response.status_code}, which breaks {PATH.name}:\n"
            + "\n".join(f"  - {problem}" for problem in problems)
            + f"\nheaders: {dict(response.headers)}\nbody: {shown}"
        )


def _operation_problems(operation: JsonObject, response: Reply) -> Iterator[str]:
    declared = operation["responses"].get(str(response.status_code))
    if declared is None:
        yield f"the status is not declared; {operation['operationId']} declares {', '.join(operation['responses'])}"
        return
    declared = resolve(declared)
    yield from _header_problems(declared.get("headers", {}), response)
    if "content" not in declared:
        if response.content:
            yield "the body must be empty"
        return
    content_type, content = next(iter(declared["content"].items()))
    if content_type == "application/json":
        yield from _body_problems(content["schema"], response)
    elif response.headers.get("Content-Type") != content_type:
        yield f"the content type is {response.headers.get('Content-Type')!r}, not {content_type!r}"


def _head_problems(get: JsonObject, response: Reply) -> Iterator[str]:
    """As GET, without the body (RFC 9110 §9.3.2)."""
    declared = get["responses"].get(str(response.status_code))
    if declared is None:
        yield f"the status is not declared; {get['operationId']} declares {', '.join(get['responses'])}"
        return
    yield from _header_problems(resolve(declared).get("headers", {}), response)
    if response.content:
        yield "a reply to HEAD has no body"


def _unknown_operation_problems(
    method: str, url: str, template: str | None, response: Reply
) -> Iterator[str]:
    """Below /v1 a function answers what the document does not have, in the API's own form."""
    statuses = {400, 401, 404, 405, 413, 429} if template is None else {401, 405, 429}
    if response.status_code not in statuses:
        yield f"the document has no such operation, so the status must be one of {sorted(statuses)}"
    components = document()["components"]
    headers: JsonObject = {
        name: components["headers"][name]
        for name in ("X-Request-Id", "Cache-Control", "X-Content-Type-Options")
    }
    if response.status_code == 405:
        headers["Allow"] = {"required": True, "schema": {"type": "string", "pattern": "^[A-Z]+(, ?[A-Z]+)*$"}}
    if response.status_code == 429:
        headers |= components["responses"]["RateLimited"]["headers"]
    yield from _header_problems(headers, response)
    if method.upper() == "HEAD":
        if response.content:
            yield "a reply to HEAD has no body"
        return
    yield from _body_problems(components["schemas"]["Error"], response)


def _is_gateways(response: Reply) -> bool:
    """Whether the gateway answered by itself, in the one form that it has."""
    if "X-Request-Id" in response.headers:
        return False
    try:
        body = _parse(response.content)
    except ValueError:
        return False
    return isinstance(body, dict) and set(body) == {"code", "message"}


def _gateway_problems(method: str, url: str, operation: JsonObject | None, response: Reply) -> Iterator[str]:
    below_v1 = urlsplit(url).path.startswith("/v1/")
    allowed = set(_GATEWAY_REFUSALS)
    if not below_v1:
        allowed.add(404)
    if operation is None and method.upper() not in (
        "GET",
        "PUT",
        "POST",
        "DELETE",
        "OPTIONS",
        "HEAD",
        "PATCH",
    ):
        allowed.add(405)
    if response.status_code not in allowed:
        yield "the gateway answered by itself what a function must answer"
    if response.headers.get("Content-Type", "").partition(";")[0] != "application/json":
        yield f"the content type is {response.headers.get('Content-Type')!r}"
    if _parse(response.content)["code"] != response.status_code:
        yield "the body's code is not the status"


def _header_problems(declared: JsonObject, response: Reply) -> Iterator[str]:
    for name, node in declared.items():
        header = resolve(node)
        text = response.headers.get(name)
        if text is None:
            if header.get("required"):
                yield f"the header {name} is missing"
            continue
        schema = resolve(header["schema"])
        value: Any = text
        if schema.get("type") == "integer" and re.fullmatch(r"-?\d+", text):
            value = int(text)
        for error in validator(schema).iter_errors(value):
            yield f"the header {name}: {error.message}"


def _body_problems(schema: JsonObject, response: Reply) -> Iterator[str]:
    if response.headers.get("Content-Type") != "application/json":
        yield f"the content type is {response.headers.get('Content-Type')!r}, not 'application/json'"
    try:
        body = _parse(response.content)
    except ValueError as failure:
        yield f"the body is not JSON: {failure}"
        return
    for error in validator(schema).iter_errors(body):
        where = "/".join(str(part) for part in error.absolute_path)
        yield f"at /{where}: {error.message[:500]}"
        for cause in error.context or ():
            inner = "/".join(str(part) for part in cause.absolute_path)
            yield f"    possibly, at /{inner}: {cause.message[:500]}"
    if response.status_code >= 400 and isinstance(body, dict):
        error_body = body.get("error")
        if isinstance(error_body, dict) and error_body.get("requestId") != response.headers.get(
            "X-Request-Id"
        ):
            yield "the error's requestId is not the X-Request-Id"


def _parse(content: bytes) -> Any:
    """Strict JSON (RFC 8259): UTF-8, no NaN, no name twice in an object. Raises ValueError."""

    def unique(pairs: list[tuple[str, Any]]) -> JsonObject:
        names = [name for name, _ in pairs]
        if len(set(names)) != len(names):
            raise ValueError(f"a name twice in one object: {names}")
        return dict(pairs)

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    return json.loads(content.decode(), object_pairs_hook=unique, parse_constant=refuse)


@functools.cache
def _registry() -> Registry[Any]:
    empty: Registry[Any] = Registry()
    registry: Registry[Any] = empty.with_resource(_URI, DRAFT202012.create_resource(document()))
    return registry


@functools.cache
def _formats() -> FormatChecker:
    # jsonschema checks uri only with packages that are not worth their weight here.
    formats = FormatChecker(["date", "date-time", "ipv4", "ipv6"])
    formats.checks("uri", raises=ValueError)(lambda text: not isinstance(text, str) or _is_uri(text))
    formats.checks("uri-reference", raises=ValueError)(
        lambda text: not isinstance(text, str) or _has_uri_characters(text)
    )
    return formats


def _is_uri(text: str) -> bool:
    parts = urlsplit(text)
    return bool(parts.scheme and parts.netloc and parts.port != 0) and _has_uri_characters(text)


def _has_uri_characters(text: str) -> bool:
    """RFC 3986 §2: unreserved, reserved, and complete percent escapes."""
    return re.fullmatch(r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*", text) is not None
