"""Idempotency-Key: a POST that is sent again has its effect once, and gets the first reply again.

Kept for two days at least. A request that died half-way is taken over by a later retry with the same `effect_id`,
so that what it began is continued and not begun twice.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

import msgspec

from shared.domain.clock import Clock
from shared.domain.errors import Conflict, IdempotencyKeyReused, Invalid, StaleWrite
from shared.domain.idempotency import IdempotencyRecord
from shared.http.call import Call, Reply
from shared.http.sealing import Sealer

HEADER = "Idempotency-Key"
KEPT = timedelta(days=2)
_ABANDONED_AFTER = timedelta(seconds=90)
_WAIT_SECONDS_MAX = 25.0
_POLL_SECONDS = 0.1
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class Records(Protocol):
    def create(self, organisation_id: str, record_hash: str, record: IdempotencyRecord) -> bool:
        """False when there is one already."""
        ...

    def find(self, organisation_id: str, record_hash: str) -> tuple[IdempotencyRecord, object] | None:
        """The record and its version."""
        ...

    def replace(
        self, organisation_id: str, record_hash: str, record: IdempotencyRecord, *, version: object | None
    ) -> None:
        """Raises StaleWrite when `version` is given and no longer current."""
        ...

    def delete(self, organisation_id: str, record_hash: str) -> None: ...


class Idempotency:
    def __init__(self, records: Records, *, sealer: Sealer, clock: Clock) -> None:
        self._records = records
        self._sealer = sealer
        self._clock = clock

    def run(
        self,
        call: Call,
        *,
        operation: str,
        new_effect_id: Callable[[], str],
        effect: Callable[[str], Reply],
        owner: str | None = None,
    ) -> Reply:
        """`effect(effect_id)`, once for each key of `owner`, which is the call's organisation unless it is given.
        An effect that raises leaves the key free to be tried again.

        Raises Invalid("Idempotency-Key"), IdempotencyKeyReused for another body, and Conflict while the first
        request is still under way.
        """
        key = call.request.headers.get(HEADER)
        if key is None:
            return effect(new_effect_id())
        if _KEY.fullmatch(key) is None:
            raise Invalid(HEADER, "is 1 to 255 visible ASCII characters")
        record_hash = hashlib.sha256(f"{operation}\n{key}".encode()).hexdigest()
        request_hash = _hash_of_body(call)
        owner = owner or call.organisation_id
        record = self._claim(owner, record_hash, request_hash, new_effect_id)
        if record.reply_status is not None:
            body = self._sealer.open(record.sealed_body, context=record_hash)
            headers = (*record.reply_headers.items(), ("Idempotent-Replayed", "true"))
            return Reply(status=record.reply_status, body=body, headers=headers)
        try:
            reply = effect(record.effect_id)
        except BaseException:
            self._records.delete(owner, record_hash)
            raise
        done = msgspec.structs.replace(
            record,
            reply_status=reply.status,
            reply_headers=dict(reply.headers),
            sealed_body=self._sealer.seal(reply.body, context=record_hash),
        )
        self._records.replace(owner, record_hash, done, version=None)
        return reply

    def _claim(
        self, organisation_id: str, record_hash: str, request_hash: str, new_effect_id: Callable[[], str]
    ) -> IdempotencyRecord:
        """A record that is ours to work on (no reply yet), or one that has its reply."""
        patience_ends = time.monotonic() + _WAIT_SECONDS_MAX
        now = self._clock.now()
        ours = IdempotencyRecord(
            request_hash=request_hash,
            effect_id=new_effect_id(),
            started_at=now,
            delete_at=now + KEPT,
        )
        while True:
            if self._records.create(organisation_id, record_hash, ours):
                return ours
            found = self._records.find(organisation_id, record_hash)
            if found is None:
                continue
            record, version = found
            if record.request_hash != request_hash:
                raise IdempotencyKeyReused("This Idempotency-Key was used with another request.")
            if record.reply_status is not None:
                return record
            now = self._clock.now()
            if now - record.started_at > _ABANDONED_AFTER:
                taken_over = msgspec.structs.replace(record, started_at=now)
                try:
                    self._records.replace(organisation_id, record_hash, taken_over, version=version)
                except StaleWrite:
                    continue
                return taken_over
            if time.monotonic() > patience_ends:
                raise Conflict(
                    "The first request with this Idempotency-Key is still under way. Try again soon."
                )
            time.sleep(_POLL_SECONDS)


def _hash_of_body(call: Call) -> str:
    """Of the JSON's meaning, so that a client may write it with other spaces or in another order."""
    meaning = msgspec.json.decode(call.raw_body)
    return hashlib.sha256(msgspec.json.encode(meaning, order="sorted")).hexdigest()
