"""Commits whose answer was lost: they may have happened, and only the document itself can tell.

A write leaves its mark, a random one, in the document. Whoever does not hear the answer, or is refused after the
client's library has sent the same commit again by itself, looks for the mark before it believes that it lost.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TypeVar

from google.api_core.exceptions import (
    Aborted,
    Cancelled,
    DeadlineExceeded,
    InternalServerError,
    RetryError,
    ServiceUnavailable,
    Unknown,
)

from shared.domain.errors import StaleWrite
from shared.gcp.documents import stale_write_on_conflict

MARK = "writeMark"
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
