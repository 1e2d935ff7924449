"""The one way in which a worker that claimed a consent writes: every commit carries the consent, and so its fence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from shared.domain.clock import Clock
from shared.domain.consents import Consent
from shared.domain.errors import StaleWrite
from shared.use_cases.ports import (
    AccountWrite,
    BookWrites,
    Committed,
    Consents,
    SealedTokens,
    StoredConsent,
    SyncStore,
)

_SAVE_ATTEMPTS = 5


class BooksChanged(Exception):
    """Another consent to the same account wrote to it. Ours is as it was: read the account again."""


class Fence:
    """`consent` is the consent as this worker last wrote it. Raises StaleWrite once somebody else has written it."""

    def __init__(self, stored: StoredConsent, *, store: SyncStore, consents: Consents, clock: Clock) -> None:
        self._stored = stored
        self._store = store
        self._consents = consents
        self._clock = clock
        self.has_news = False
        """Whether anything of an account's transactions was written."""

    @property
    def consent(self) -> Consent:
        return self._stored.consent

    def commit(
        self,
        consent: Consent | None = None,
        *,
        accounts: Sequence[AccountWrite] = (),
        books: BookWrites | None = None,
        parts: Sequence[bytes] = (),
    ) -> Committed:
        for _ in range(_SAVE_ATTEMPTS):
            try:
                committed = self._store.commit(
                    self._stepped(consent or self.consent),
                    replacing=self._stored,
                    accounts=accounts,
                    books=books,
                    parts=parts,
                )
            except StaleWrite:
                if self._require_ours():
                    continue
                raise BooksChanged from None
            self._stored = committed.consent
            self.has_news = self.has_news or bool(books and (books.pages or books.changes or books.pending))
            return committed
        raise StaleWrite("clients kept asking")

    def save(self, consent: Consent, *, tokens: SealedTokens | None = None) -> None:
        """Also the way to end a consent: its history and its accounts follow (`Consents.save`)."""
        is_end = consent.status != self.consent.status
        for _ in range(_SAVE_ATTEMPTS):
            written = consent if is_end else self._stepped(consent)
            try:
                self._stored = self._consents.save(
                    written, replacing=self._stored, tokens=tokens, at=self._clock.now()
                )
                return
            except StaleWrite:
                self._require_ours()
        raise StaleWrite("the consent's accounts kept changing")

    def refreshing(self, until: datetime) -> None:
        """Nobody else uses the refresh token until then."""
        lease = msgspec.structs.replace(self.consent.lease, refreshing_until=until)
        self.save(msgspec.structs.replace(self.consent, lease=lease))

    def refreshed(self, tokens: SealedTokens) -> None:
        lease = msgspec.structs.replace(self.consent.lease, refreshing_until=None)
        self.save(msgspec.structs.replace(self.consent, lease=lease), tokens=tokens)

    def _require_ours(self) -> bool:
        """Whether a client has asked for something meanwhile, which is kept: nothing else may have changed."""
        consent = self.consent
        found = self._consents.find(consent.organisation_id, consent.id)
        if found is None or msgspec.structs.replace(found.consent, asked=consent.asked) != consent:
            raise StaleWrite("the consent was claimed or changed by another")
        self._stored = found
        return found.consent.asked != consent.asked

    def _stepped(self, consent: Consent) -> Consent:
        lease = msgspec.structs.replace(consent.lease, step=consent.lease.step + 1)
        return msgspec.structs.replace(consent, lease=lease, asked=self.consent.asked)
