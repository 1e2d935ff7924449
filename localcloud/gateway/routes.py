"""Which backend a request belongs to, matched as ESPv2 does: by template and method, the most exact first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.gateway_document import UNDECLARED

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

_EXACT, _SEGMENT, _REST = range(3)


@dataclass(frozen=True)
class Backend:
    name: str
    address: str
    audience: str | None
    """The `aud` of the gateway's identity token; None when the backend wants none."""
    deadline_seconds: float


@dataclass(frozen=True)
class NoRoute:
    """Why the gateway answers by itself, with its status and its own words."""

    status: int
    message: str
    allow: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Route:
    template: str
    order: tuple[tuple[int, str], ...]
    pattern: re.Pattern[str]
    backends: Mapping[str, Backend]
    declared: tuple[str, ...]
    """The methods that are the API's, without those that only reach a function to be refused."""


class RouteTable:
    """Made of the document that API Gateway gets. Raises KeyError when an operation names no known backend."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        backends = {
            name: _backend(name, entry)
            for name, entry in document["x-google-api-management"]["backends"].items()
        }
        self._routes = sorted(
            (_route(template, item, backends) for template, item in document["paths"].items()),
            key=lambda route: route.order,
        )

    def find(self, *, method: str, path: str) -> Backend | NoRoute:
        """`path` is as the client sent it: %2F is no slash, and nothing is decoded before matching."""
        matching = [route for route in self._routes if route.pattern.fullmatch(path)]
        for route in matching:
            if method in route.backends:
                return route.backends[method]
        for route in matching:
            if route.declared:
                return NoRoute(
                    405,
                    f'The current request is matched to the defined url template "{route.template}"'
                    " but its http method is not allowed",
                    allow=route.declared,
                )
        return NoRoute(404, "The current request is not defined by this API.")


def _backend(name: str, entry: Mapping[str, Any]) -> Backend:
    address = entry["address"].rstrip("/")
    return Backend(
        name=name,
        address=address,
        audience=None if entry.get("disableAuth") else entry.get("jwtAudience", address),
        deadline_seconds=float(entry.get("deadline", 15.0)),
    )


def _route(template: str, item: Mapping[str, Any], backends: Mapping[str, Backend]) -> _Route:
    order = tuple(_segments(template, item))
    shapes = {_EXACT: None, _SEGMENT: "[^/]+", _REST: ".*"}
    parts = [shapes[kind] or re.escape(text) for kind, text in order]
    return _Route(
        template=template,
        order=order,
        pattern=re.compile("".join(f"/{part}" for part in parts) + "/?", re.DOTALL),
        backends={
            method.upper(): backends[item[method]["x-google-backend"]] for method in METHODS if method in item
        },
        declared=tuple(
            method.upper()
            for method in METHODS
            if method in item and not item[method].get("operationId", "").endswith(UNDECLARED)
        ),
    )


def _segments(template: str, item: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    rest = {
        parameter["name"]
        for parameter in item.get("parameters", [])
        if parameter.get("x-google-parameter", {}).get("pattern") == "**"
    }
    for segment in template.strip("/").split("/"):
        if segment.startswith("{") and segment.endswith("}"):
            yield (_REST if segment[1:-1] in rest else _SEGMENT), ""
        elif segment:
            yield _EXACT, segment
