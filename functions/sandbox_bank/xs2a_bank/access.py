"""May this token read this account now? The checks that both interfaces share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from flask import Request

from xs2a_bank.banks import Bank
from xs2a_bank.consents import find_consent
from xs2a_bank.context import Context
from xs2a_bank.data import Account, Movement, accounts_of, is_left_out
from xs2a_bank.people import PEOPLE, Person
from xs2a_bank.records import Consent, Grant, Right, Token
from xs2a_bank.refusals import Reason, Refusal
from xs2a_bank.secret_values import fingerprint
from xs2a_bank.store import Stored

FRESH_SCA = timedelta(minutes=15)
"""So long after SCA the whole history may be read."""
HISTORY_DAYS_AFTER_SCA = 731
HISTORY_DAYS = 90
"""Reg. (EU) 2018/389 Art. 10: no SCA for the last 90 days."""


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One authorised read."""

    bank: Bank
    stored_consent: Stored[Consent]
    person: Person
    now: datetime

    @property
    def consent(self) -> Consent:
        return self.stored_consent.record

    @property
    def accounts(self) -> tuple[Account, ...]:
        """Those that the PSU agreed to."""
        owned = accounts_of(self.bank.id, self.person.username)
        return tuple(account for account in owned if account.iban in self.consent.ibans)

    @property
    def just_authenticated(self) -> bool:
        return self.consent.sca_at is not None and self.now - self.consent.sca_at <= FRESH_SCA

    @property
    def history_from(self) -> date:
        # By UTC, whose day is never ahead of a bank's here: a TPP that counts in either zone is served.
        days = HISTORY_DAYS_AFTER_SCA if self.just_authenticated else HISTORY_DAYS
        return self.now.date() - timedelta(days=days)

    @property
    def today(self) -> date:
        return self.now.astimezone(self.bank.time_zone).date()

    def shows(self, row: Movement) -> bool:
        return not is_left_out(row, sca_at=self.consent.sca_at, now=self.now)

    def account(self, resource_id: str) -> Account:
        for account in self.accounts:
            if account.resource_id == resource_id:
                return account
        raise Refusal(Reason.RESOURCE_UNKNOWN, "the account is not known or not part of the consent")

    def require(self, right: Right) -> None:
        if right not in self.consent.rights:
            raise Refusal(Reason.CONSENT_INVALID, f"the consent does not cover {right}")


def open_visit(context: Context, bank: Bank, request: Request, *, consent_id: str) -> Visit:
    token = _token(context, bank, request)
    if token.consent_id != consent_id:
        raise Refusal(Reason.CONSENT_NOT_TOKENS, "the consent is not the one that the token stands for")
    stored = find_consent(context, bank, token.client_id, consent_id)
    now = context.clock.now(token.client_id)
    grant = context.store.get(Grant, token.grant_id)
    # A consent that is over is said before a token that is: no refresh helps there.
    match stored.record.status:
        case "valid":
            pass
        case "expired":
            raise Refusal(Reason.CONSENT_EXPIRED, "the consent has expired")
        case "revokedByPsu":
            raise Refusal(Reason.CONSENT_WITHDRAWN, "the PSU has withdrawn the consent")
        case _:
            raise Refusal(Reason.CONSENT_INVALID, "the consent is not valid")
    if token.expires_at <= now:
        raise Refusal(Reason.TOKEN_EXPIRED, "the access token has expired")
    if grant is None or grant.record.revoked:
        raise Refusal(Reason.TOKEN_INVALID, "the access token was revoked")
    return Visit(bank=bank, stored_consent=stored, person=PEOPLE[token.person], now=now)


def _token(context: Context, bank: Bank, request: Request) -> Token:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not value:
        raise Refusal(Reason.TOKEN_MISSING, "a bearer token is required")
    stored = context.store.get(Token, fingerprint(value.strip()))
    if stored is None or stored.record.kind != "access" or stored.record.bank != bank.id:
        raise Refusal(Reason.TOKEN_UNKNOWN, "the access token is not known")
    return stored.record
