"""Deleting whole trees of documents, a batch at a time, so that any size ends and any crash leaves only less."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from google.cloud import firestore

from shared.domain.clock import Clock
from shared.gcp.raw_firestore import RawFirestore

BATCH_SIZE = 300
"""Under the 500 writes of a commit, and under the 10 MiB that their index entries may come to."""

_LAST_ID = "\U0010ffff"
"""Sorts behind every other document of its collection."""


def purge_below(
    parent: str,
    *,
    data: firestore.Client,
    raw: RawFirestore,
    until: datetime,
    clock: Clock,
    keep: Sequence[str] = (),
) -> bool:
    """Delete every document below the one at `parent`; `keep` names direct subcollections of it that stay.

    False when `until` came first. Starting over costs nothing: what is deleted is not found again.
    """
    kept = tuple(f"{parent}/{collection}/" for collection in keep)
    after: str | None = None
    while True:
        paths = raw.descendants(parent, limit=BATCH_SIZE, after=after)
        batch = data.batch()
        for path in paths:
            if not path.startswith(kept):
                batch.delete(data.document(path))
        batch.commit()
        if len(paths) < BATCH_SIZE:
            return True
        if clock.now() >= until:
            return False
        after = paths[-1]
        for collection in kept:
            if after.startswith(collection):
                after = f"{collection}{_LAST_ID}"


def purge_found(query: firestore.Query, *, data: firestore.Client, until: datetime, clock: Clock) -> bool:
    """Delete every document that the query finds. False when `until` came first."""
    while True:
        found = list(query.select(["__name__"]).limit(BATCH_SIZE).stream())
        batch = data.batch()
        for snapshot in found:
            batch.delete(snapshot.reference)
        batch.commit()
        if len(found) < BATCH_SIZE:
            return True
        if clock.now() >= until:
            return False
