"""A consent's access to its bank during one sync: tokens opened once, refreshed when they must be.

A bank may rotate the refresh token with every use, so new tokens are stored before they are used: a crash in between
loses a read, never the connection.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from shared.banks.connector import BankConnector
from shared.domain.bank_data import BankAccess, BankTokens
from shared.domain.clock import Clock
from shared.domain.errors import BankAccessLost, BankTokenExpired
from shared.use_cases.ports import Consents, StoredConsent, TokenVault

T = TypeVar("T")

_REFRESH_BEFORE = timedelta(seconds=60)


class BankSession:
    """`stored` is the consent as last written; whoever writes it next puts the new one here."""

    def __init__(
        self,
        stored: StoredConsent,
        *,
        connector: BankConnector,
        consents: Consents,
        vault: TokenVault,
        clock: Clock,
    ) -> None:
        self.stored = stored
        self.connector = connector
        self._consents = consents
        self._vault = vault
        self._clock = clock
        self._tokens: BankTokens | None = None

    def read(self, call: Callable[[BankAccess], T]) -> T:
        """`call` with access that is good now; once more after a refresh if the bank says the token expired."""
        tokens = self._current()
        if tokens.expires_at - self._clock.now() < _REFRESH_BEFORE:
            tokens = self._refresh(tokens)
        try:
            return call(self._access(tokens))
        except BankTokenExpired:
            return call(self._access(self._refresh(tokens)))

    def _current(self) -> BankTokens:
        if self._tokens is None:
            consent = self.stored.consent
            sealed = self._consents.sealed_tokens(consent.organisation_id, consent.id)
            if sealed is None:
                raise BankAccessLost(consent.bank_id, "there are no tokens", reason="refused")
            self._tokens = self._vault.open(
                sealed, organisation_id=consent.organisation_id, consent_id=consent.id
            )
        return self._tokens

    def _refresh(self, tokens: BankTokens) -> BankTokens:
        consent = self.stored.consent
        if tokens.refresh_token is None:
            raise BankAccessLost(
                consent.bank_id, "the token expired and cannot be refreshed", reason="expired"
            )
        fresh = self.connector.refresh(refresh_token=tokens.refresh_token)
        sealed = self._vault.seal(fresh, organisation_id=consent.organisation_id, consent_id=consent.id)
        self.stored = self._consents.save(consent, replacing=self.stored, tokens=sealed, at=self._clock.now())
        self._tokens = fresh
        return fresh

    def _access(self, tokens: BankTokens) -> BankAccess:
        return BankAccess(
            bank_consent_id=self.stored.consent.bank_consent_id or "", access_token=tokens.access_token
        )
