"""Everything that is kept for an organisation, as lines of JSON in files, read while they are written (GDPR Art. 20).

Never a secret: no token, no hash, no state. An export that grows too long for one archive goes on in the next one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from shared.domain.errors import InvalidCursor


class Record(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    """Where its section goes on behind it."""
    json: bytes
    """One line, or several of the same kind."""


class Section(Protocol):
    """One kind of record, in an order that stays."""

    name: str
    """The file it fills, without its ending."""

    def read(self, organisation_id: str, *, after: str | None) -> Iterator[Record]: ...


class Line(msgspec.Struct, frozen=True, kw_only=True):
    file: str
    json: bytes
    position: str
    """For `after`, to go on behind this line."""


def export_organisation(
    organisation_id: str, *, sections: Sequence[Section], after: str | None = None
) -> Iterator[Line]:
    """From the beginning, or from the position of an earlier line on. Raises InvalidCursor."""
    names = [section.name for section in sections]
    start, key = 0, None
    if after is not None:
        name, _, key = after.partition(":")
        if name not in names:
            raise InvalidCursor("The export has changed since. Start again without a cursor.")
        start = names.index(name)
    return _lines(organisation_id, sections[start:], key)


def _lines(organisation_id: str, sections: Sequence[Section], key: str | None) -> Iterator[Line]:
    for section in sections:
        for record in section.read(organisation_id, after=key):
            yield Line(
                file=f"{section.name}.jsonl", json=record.json, position=f"{section.name}:{record.key}"
            )
        key = None
