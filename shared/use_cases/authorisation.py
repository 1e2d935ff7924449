"""What starting a consent and renewing one have in common: the bank is asked, and a state awaits the PSU."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import msgspec

from shared.domain.clock import Clock, OffsetClock
from shared.domain.consents import STATE_LIFETIME
from shared.domain.errors import BankError
from shared.domain.oauth_states import OAuthState, code_challenge, code_verifier, hash_state, new_state
from shared.use_cases.bank_breaker import BankBreaker, BankHealths
from shared.use_cases.notices import NO_NOTICES, Notices
from shared.use_cases.ports import Banks, OAuthStates


class Authorisation(msgspec.Struct, frozen=True, kw_only=True):
    bank_consent_id: str
    expires_at: datetime
    """When access will end by itself, by the organisation's clock."""
    redirect_url: str
    issuer: str
    issuer_in_response: bool
    state: str

    def __repr__(self) -> str:
        return f"Authorisation({self.bank_consent_id!r})"


class Authorisations:
    """Of every bank. PSUs come back to `redirect_uri`; `pkce_key` derives what proves that it is us who change their
    code for tokens."""

    def __init__(
        self,
        *,
        redirect_uri: str,
        pkce_key: bytes,
        banks: Banks,
        states: OAuthStates,
        healths: BankHealths,
        clock: Clock,
        notices: Notices = NO_NOTICES,
    ) -> None:
        self._redirect_uri = redirect_uri
        self._pkce_key = pkce_key
        self._banks = banks
        self._states = states
        self._healths = healths
        self._clock = clock
        self._notices = notices

    def ask_bank(
        self, bank_id: str, *, organisation_id: str, psu_ip_address: str, clock_offset_seconds: int
    ) -> Authorisation:
        """Raises Invalid("bankId") for an unknown bank, BankLeftAlone for one whose breaker is open, and the BankErrors
        of BankConnector.start_consent, which the breaker counts."""
        connector = self._banks.connector(bank_id, clock_offset_seconds=clock_offset_seconds)
        clock_there = OffsetClock(self._clock, clock_offset_seconds)
        breaker = BankBreaker(
            organisation_id, bank_id, healths=self._healths, notices=self._notices, clock=clock_there
        )
        breaker.require_closed()
        now = clock_there.now()
        wanted_until = now + timedelta(days=self._banks.rules(bank_id).consent_days)
        state = new_state()
        try:
            started = connector.start_consent(
                redirect_uri=self._redirect_uri,
                state=state,
                code_challenge=code_challenge(code_verifier(state, key=self._pkce_key)),
                valid_until=wanted_until.date(),
                psu_ip_address=psu_ip_address,
            )
        except BankError as error:
            breaker.failed_to_start(error)
            raise
        expires_at = wanted_until
        if started.valid_until is not None:
            expires_at = min(wanted_until, datetime.combine(started.valid_until, time(23, 59, 59), UTC))
        return Authorisation(
            bank_consent_id=started.bank_consent_id,
            expires_at=expires_at,
            redirect_url=started.authorise_url,
            issuer=started.issuer,
            issuer_in_response=started.issuer_in_response,
            state=state,
        )

    def await_psu(self, asked: Authorisation, *, organisation_id: str, consent_id: str) -> None:
        """By the wall clock: it is a person who comes back, whatever time the organisation's clock shows."""
        self._states.create(
            hash_state(asked.state),
            OAuthState(
                organisation_id=organisation_id,
                consent_id=consent_id,
                bank_consent_id=asked.bank_consent_id,
                issuer=asked.issuer,
                issuer_in_response=asked.issuer_in_response,
                expires_at=self._clock.now() + STATE_LIFETIME,
            ),
        )
