"""The PSU's way through the pages: one session an authorization request, kept in the store, named by a cookie.

Each session has a path of its own, so that two of them in one browser do not meet.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

import msgspec
from flask import Request, Response

from xs2a_bank.banks import Bank
from xs2a_bank.consents import find_consent
from xs2a_bank.context import Context
from xs2a_bank.records import Consent, ScaSession
from xs2a_bank.secret_values import fingerprint, form_token, new_secret, same
from xs2a_bank.store import Changed, Stored

COOKIE = "sandbox_bank_sca"


class SessionGone(Exception):
    """No session, or one that is over. `text` says it to the PSU."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class FormForged(Exception):
    """The form was not the one that this session was given."""


@dataclass(frozen=True, kw_only=True)
class OpenSession:
    stored: Stored[ScaSession]
    consent: Stored[Consent]
    form_token: str

    @property
    def record(self) -> ScaSession:
        return self.stored.record


def start_session(
    context: Context, bank: Bank, *, consent_id: str, client_id: str, parameters: dict[str, str]
) -> tuple[str, str]:
    """(label for the path, secret for the cookie)"""
    secret = new_secret("sbsc_")
    now = context.clock.now(client_id)
    record = ScaSession(
        bank=bank.id,
        consent_id=consent_id,
        client_id=client_id,
        parameters=parameters,
        step="login",
        expires_at=now + timedelta(seconds=context.settings.session_seconds),
    )
    context.store.create(fingerprint(secret), record)
    return secrets.token_hex(4), secret


def open_session(context: Context, bank: Bank, request: Request) -> OpenSession:
    """Raises SessionGone, FormForged for a form that lacks the session's token, Refusal without a consent."""
    secret = request.cookies.get(COOKIE, "")
    stored = context.store.get(ScaSession, fingerprint(secret)) if secret else None
    if stored is None or stored.record.bank != bank.id:
        raise SessionGone("Your browser sent no session. Start again from the app that sent you here.")
    record = stored.record
    if record.step == "done":
        raise SessionGone("This request was already answered.")
    # First, because the session goes by the consent's clock.
    consent = find_consent(context, bank, record.client_id, record.consent_id)
    if record.expires_at <= context.clock.now(record.client_id):
        raise SessionGone("This session took too long. Start again from the app that sent you here.")
    token = form_token(secret)
    if request.method == "POST" and not same(request.form.get("form_token", ""), token):
        raise FormForged
    return OpenSession(stored=stored, consent=consent, form_token=token)


def advance(context: Context, session: OpenSession, changed: ScaSession) -> None:
    """Raises SessionGone when the same session moved on in another window."""
    try:
        context.store.replace(session.stored, changed)
    except Changed:
        raise SessionGone("This request was answered in another window.") from None


def next_record(session: OpenSession, **changes: object) -> ScaSession:
    return msgspec.structs.replace(session.record, **changes)


def set_cookie(context: Context, response: Response, *, path: str, secret: str) -> None:
    response.set_cookie(
        COOKIE,
        secret,
        path=path,
        httponly=True,
        samesite="Lax",
        secure=context.settings.secure,
        max_age=context.settings.session_seconds,
    )
