"""Query strings to Structs: each parameter at most once, none unknown, each of its type."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, TypeVar

import flask
import msgspec

from shared.domain.errors import Invalid
from shared.http.text import forbidden_character

T = TypeVar("T", bound=msgspec.Struct)

_AT = re.compile(r"^(?P<reason>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)


def parse_query(request: flask.Request, kind: type[T], *, ignore_unknown: bool = False) -> T:
    names = _names(kind)
    values: dict[str, Any] = {}
    if request.query_string:
        for name, given in request.args.lists():
            if name not in names:
                if ignore_unknown:
                    continue
                raise Invalid(_shown(name), "there is no such parameter")
            if len(given) > 1:
                raise Invalid(name, "was given more than once")
            character = forbidden_character(given[0])
            if character:
                raise Invalid(name, f"holds {character}")
            values[name] = _whole_number(name, given[0]) if name in _whole_numbers(kind) else given[0]
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise invalid_from(error) from None


@cache
def _names(kind: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(field.encode_name for field in msgspec.structs.fields(kind))


@cache
def _whole_numbers(kind: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(field.encode_name for field in msgspec.structs.fields(kind) if field.type is int)


def _whole_number(name: str, text: str) -> int:
    if re.fullmatch(r"-?[0-9]{1,9}", text) is None:
        raise Invalid(name, "is not a whole number")
    return int(text)


def invalid_from(error: msgspec.ValidationError) -> Invalid:
    """msgspec's message (`Expected `str`, got `int` - at `$.bankId``) as a field and a reason."""
    found = _AT.match(str(error))
    reason, path = (found["reason"], found["path"]) if found else (str(error), None)
    missing = re.search(r"missing required field `([^`]+)`", reason)
    if missing:
        return Invalid(".".join(filter(None, [path, missing[1]])), "is required")
    unknown = re.search(r"contains unknown field `([^`]*)`", reason)
    if unknown:
        return Invalid(".".join(filter(None, [path, _shown(unknown[1])])), "there is no such field")
    return Invalid(path or "body", reason[:1].lower() + reason[1:])


def _shown(name: str) -> str:
    """A name that a client invented, safe to repeat in an error."""
    printable = "".join(character if character.isprintable() else "?" for character in name)
    return printable[:64] or "?"
