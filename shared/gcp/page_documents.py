"""How pages lie in Firestore: three byte strings, exempt from indexing, and the `lower` that orders them.

`keys` and `rows` are as `domain.leaves` cuts them; a listing reads just these two. `identities` is JSON for the sync.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from shared.domain.accounts import AccountHead
from shared.domain.identities import Identity
from shared.domain.leaves import ROW_SEPARATOR
from shared.domain.pages import GoneRow, Page, Row
from shared.gcp import paths
from shared.gcp.documents import to_document

_identities = msgspec.json.Decoder(tuple[Identity, ...])
_gone = msgspec.json.Decoder(tuple[GoneRow, ...])


def page_document(page: Page) -> dict[str, Any]:
    return {"lower": page.lower, **pending_document(page)}


def pending_document(page: Page) -> dict[str, Any]:
    return {
        "keys": "\n".join(row.key for row in page.rows).encode(),
        "rows": ROW_SEPARATOR.join(row.json for row in page.rows),
        "identities": msgspec.json.encode([row.identity for row in page.rows]),
    }


def head_document(head: AccountHead) -> dict[str, Any]:
    return {"lower": paths.HEAD, **to_document(head)}


def gone_document(gone: Sequence[GoneRow]) -> dict[str, Any]:
    return {"identities": msgspec.json.encode(gone)}


def read_gone(document: dict[str, Any]) -> tuple[GoneRow, ...]:
    return _gone.decode(document["identities"])


def changes_document(number: int, changes: bytes) -> dict[str, Any]:
    return {"number": number, "changes": changes}


def read_page(document: dict[str, Any]) -> Page:
    keys = document["keys"].decode().split("\n") if document["keys"] else []
    lines = document["rows"].split(ROW_SEPARATOR) if document["rows"] else []
    identities = _identities.decode(document["identities"])
    return Page(
        lower=document.get("lower", ""),
        rows=tuple(
            Row(key=key, json=line, identity=identity)
            for key, line, identity in zip(keys, lines, identities, strict=True)
        ),
    )
