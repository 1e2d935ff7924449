"""A commit whose answer was lost is looked for before it is called failed.

Firestore may apply a commit and its answer be lost: the client then sees a deadline, or its own retry meets the very
change it made and a precondition that no longer holds. What the commit would have written tells which.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from google.api_core.exceptions import (
    AlreadyExists,
    DeadlineExceeded,
    FailedPrecondition,
    InternalServerError,
    NotFound,
    RetryError,
    ServiceUnavailable,
    Unknown,
)
from google.cloud import firestore

from shared.domain.errors import StaleWrite
from shared.gcp.documents import from_document

T = TypeVar("T", bound=msgspec.Struct)

_REFUSALS = (AlreadyExists, FailedPrecondition, NotFound)
_LOST_ANSWERS = (DeadlineExceeded, InternalServerError, RetryError, ServiceUnavailable, Unknown)


def commit_fenced(
    batch: firestore.WriteBatch, *, reference: firestore.DocumentReference, written: msgspec.Struct
) -> list[Any]:
    """The update time of each write. `written` is what the batch makes of the document at `reference`, and what no
    other commit would make of it. Raises StaleWrite when a precondition does not hold."""
    count = len(batch)
    try:
        return [result.update_time for result in batch.commit()]
    except (*_REFUSALS, *_LOST_ANSWERS) as failure:
        snapshot = reference.get()
        if snapshot.exists and from_document(snapshot.to_dict(), type(written)) == written:
            return [snapshot.update_time] * count
        if isinstance(failure, _REFUSALS):
            raise StaleWrite(type(failure).__name__) from None
        raise
