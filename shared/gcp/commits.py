"""A commit whose answer was lost is looked for before it is called failed.

Firestore may apply a commit and its answer be lost: the client then sees a deadline, or its own retry meets the very
change it made and a precondition that no longer holds. What the commit would have written tells which.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from google.api_core.exceptions import (
    Aborted,
    Cancelled,
    DeadlineExceeded,
    InternalServerError,
    RetryError,
    ServiceUnavailable,
    Unknown,
)
from google.cloud import firestore

from shared.domain.errors import StaleWrite
from shared.gcp.documents import from_document, stale_write_on_conflict

MARK = "writeMark"
"""A field whose random value tells one write from all others, where nothing else in the document does."""

_ATTEMPTS = 3
_OUTCOME_UNKNOWN = (
    Aborted,
    Cancelled,
    DeadlineExceeded,
    InternalServerError,
    RetryError,
    ServiceUnavailable,
    Unknown,
)

T = TypeVar("T")


def new_mark() -> str:
    return secrets.token_hex(8)


def commit_surely(commit: Callable[[], T], *, written: Callable[[], T | None]) -> T:
    """What `commit` answers, or `written`, which reads whether it happened; at most three commits.

    `commit` must be refused when it has happened already: by a precondition that it itself makes untrue. Raises
    StaleWrite when it is refused and has not happened, and Google's error when nobody can tell.
    """
    for attempt in range(_ATTEMPTS):
        try:
            with stale_write_on_conflict():
                return commit()
        except StaleWrite:
            found = written()
            if found is None:
                raise
            return found
        except _OUTCOME_UNKNOWN:
            found = written()
            if found is not None:
                return found
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def commit_fenced(
    batch: firestore.WriteBatch, *, reference: firestore.DocumentReference, written: msgspec.Struct
) -> list[Any]:
    """The update time of each write. `written` is what the batch makes of the document at `reference`, and what no
    other commit would make of it. Raises StaleWrite when a precondition does not hold."""
    count = len(batch)

    def found() -> list[Any] | None:
        snapshot = reference.get()
        if not snapshot.exists or from_document(snapshot.to_dict(), type(written)) != written:
            return None
        return [snapshot.update_time] * count

    return commit_surely(lambda: [result.update_time for result in batch.commit()], written=found)
