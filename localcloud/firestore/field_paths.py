"""Field paths such as a.b.`c d`, and reading and writing by them in a map of fields."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TypeAlias

from localcloud.firestore.errors import invalid
from localcloud.firestore.messages import Document, Value

FieldPath: TypeAlias = tuple[str, ...]

NAME_FIELD = "__name__"
_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")


@lru_cache(4096)
def parse_field_path(text: str) -> FieldPath:
    """The segments of a field path; backticks quote one, and a backslash inside them escapes."""
    segments: list[str] = []
    position = 0
    while True:
        if text.startswith("`", position):
            segment, position = _quoted(text, position + 1)
        else:
            found = _SIMPLE.match(text, position)
            if found is None:
                raise invalid(f'Invalid field path "{text}".')
            segment, position = found.group(), found.end()
        segments.append(segment)
        if position == len(text):
            return tuple(segments)
        if text[position] != ".":
            raise invalid(f'Invalid field path "{text}".')
        position += 1


def _quoted(text: str, position: int) -> tuple[str, int]:
    characters: list[str] = []
    while position < len(text):
        character = text[position]
        if character == "`":
            return "".join(characters), position + 1
        if character == "\\" and position + 1 < len(text):
            position += 1
            character = text[position]
        characters.append(character)
        position += 1
    raise invalid(f'Invalid field path "{text}": a backtick is missing.')


def get_field(fields: Any, path: FieldPath) -> Value | None:
    """The value at the path, or None."""
    for segment in path[:-1]:
        if segment not in fields or fields[segment].WhichOneof("value_type") != "map_value":
            return None
        fields = fields[segment].map_value.fields
    return fields.get(path[-1])


def set_field(fields: Any, path: FieldPath, value: Value) -> None:
    """Put the value at the path; what stands in the way and is no map becomes one."""
    for segment in path[:-1]:
        parent = fields[segment]
        if parent.WhichOneof("value_type") != "map_value":
            parent.map_value.SetInParent()
        fields = parent.map_value.fields
    fields[path[-1]].CopyFrom(value)


def delete_field(fields: Any, path: FieldPath) -> None:
    """Remove the value at the path, if it is there."""
    for segment in path[:-1]:
        if segment not in fields or fields[segment].WhichOneof("value_type") != "map_value":
            return
        fields = fields[segment].map_value.fields
    if path[-1] in fields:
        del fields[path[-1]]


def project(document: Document, paths: Iterable[str]) -> Document:
    """A new document with the name, the times and only the fields of the mask."""
    small = Document(name=document.name, create_time=document.create_time, update_time=document.update_time)
    for text in paths:
        if text == NAME_FIELD:
            continue
        path = parse_field_path(text)
        value = get_field(document.fields, path)
        if value is not None:
            set_field(small.fields, path, value)
    return small
