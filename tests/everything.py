"""Every document of a database, for tests that look for what must not be there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from google.cloud.firestore import Client


def everything(database: Client) -> dict[str, dict[str, Any]]:
    """Path → fields of every document, however deep, also below documents that do not exist."""
    return dict(_below(database.collections()))


def _below(collections: Iterable[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for collection in collections:
        for reference in collection.list_documents():
            snapshot = reference.get()
            if snapshot.exists:
                yield reference.path, snapshot.to_dict()
            yield from _below(reference.collections())


def mentions(documents: dict[str, dict[str, Any]], *texts: str) -> dict[str, list[str]]:
    """Text → paths of the documents that hold it, in their path, a key, a string or raw bytes."""
    found: dict[str, list[str]] = {}
    for path, fields in documents.items():
        content = f"{path}\n{_text(fields)}"
        for text in texts:
            if text in content:
                found.setdefault(text, []).append(path)
    return found


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{key}\n{_text(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return "\n".join(map(_text, value))
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return str(value)
