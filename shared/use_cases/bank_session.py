"""A consent's access to its bank during one sync: tokens opened once, refreshed when they must be.

A bank may rotate the refresh token with every use, and end the connection when an old one is used again. So a refresh
is announced in the lease before it is made, and nobody else refreshes meanwhile; the new tokens are stored before they
are used; and when the bank's answer is lost, the same refresh token is tried again at once, which banks allow for a
short time. What remains cannot be mended: a bank without that grace whose answer was lost no longer knows our tokens.
The consent then ends as `error` with the fault TOKEN_REFUSED, and the PSU must connect again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from shared.banks.connector import BankConnector
from shared.domain.bank_data import BankAccess, BankTokens
from shared.domain.clock import Clock
from shared.domain.errors import BankAccessLost, BankTimeout, BankTokenExpired, BankUnavailable
from shared.use_cases.fence import Fence
from shared.use_cases.ports import Consents, TokenVault

T = TypeVar("T")

REFRESH_TIME = timedelta(seconds=45)
"""Longer than a refresh may take, shorter than the time for which banks take a used refresh token again."""

_REFRESH_BEFORE = timedelta(seconds=60)
_REFRESH_ATTEMPTS = 2


class Interrupted(Exception):
    """The worker has to stop here, between two calls to the bank; another task goes on."""


class BankSession:
    """`psu_ip_address` is that of a PSU who is with us: it makes all reads of this run attended ones."""

    def __init__(
        self,
        fence: Fence,
        *,
        connector: BankConnector,
        consents: Consents,
        vault: TokenVault,
        clock: Clock,
        psu_ip_address: str | None,
        deadline: datetime,
        should_stop: Callable[[], bool],
    ) -> None:
        self.fence = fence
        self.connector = connector
        self._consents = consents
        self._vault = vault
        self._clock = clock
        self._psu_ip_address = psu_ip_address
        self._deadline = deadline
        self._should_stop = should_stop
        self._tokens: BankTokens | None = None
        self.calls = 0
        """Reads that were asked of the bank."""

    @property
    def is_attended(self) -> bool:
        return self._psu_ip_address is not None

    def read(self, call: Callable[[BankAccess], T]) -> T:
        """`call` with access that is good now; once more after a refresh if the bank says the token expired.

        Raises Interrupted where there is no time for another call.
        """
        self._go_on()
        tokens = self._current()
        if tokens.expires_at - self._clock.now() < _REFRESH_BEFORE:
            tokens = self._refresh(tokens)
        self.calls += 1
        try:
            return call(self._access(tokens))
        except BankTokenExpired:
            return call(self._access(self._refresh(tokens)))

    def _go_on(self) -> None:
        if self._should_stop() or self._clock.now() >= self._deadline:
            raise Interrupted

    def _current(self) -> BankTokens:
        if self._tokens is None:
            consent = self.fence.consent
            sealed = self._consents.sealed_tokens(consent.organisation_id, consent.id)
            if sealed is None:
                raise BankAccessLost(consent.bank_id, "there are no tokens", reason="refused")
            self._tokens = self._vault.open(
                sealed, organisation_id=consent.organisation_id, consent_id=consent.id
            )
        return self._tokens

    def _refresh(self, tokens: BankTokens) -> BankTokens:
        if tokens.refresh_token is None:
            raise BankAccessLost(
                self.fence.consent.bank_id, "the token expired and cannot be refreshed", reason="expired"
            )
        fresh = self._exchange(tokens.refresh_token)
        consent = self.fence.consent
        sealed = self._vault.seal(fresh, organisation_id=consent.organisation_id, consent_id=consent.id)
        self.fence.refreshed(sealed)
        self._tokens = fresh
        self._go_on()
        return fresh

    def _exchange(self, refresh_token: str) -> BankTokens:
        attempt = 1
        while True:
            self.fence.refreshing(self._clock.now() + REFRESH_TIME)
            try:
                return self.connector.refresh(refresh_token=refresh_token)
            except (BankTimeout, BankUnavailable):
                if attempt == _REFRESH_ATTEMPTS or self._should_stop():
                    raise
                attempt += 1

    def _access(self, tokens: BankTokens) -> BankAccess:
        return BankAccess(
            bank_consent_id=self.fence.consent.bank_consent_id or "",
            access_token=tokens.access_token,
            psu_ip_address=self._psu_ip_address,
        )
