"""Password, one-time code, decision."""

from __future__ import annotations

from typing import Any, cast

from flask import Blueprint, Response, redirect, request

from xs2a_bank.banks import BANKS, Bank
from xs2a_bank.consents import approve, granted_until, note_sca, reject
from xs2a_bank.context import Context, current_context
from xs2a_bank.data import Account, accounts_of, statement
from xs2a_bank.oauth.routes import server_of
from xs2a_bank.pages.render import CODE_PAGE, CONSENT_PAGE, LOGIN_PAGE, error_page, page
from xs2a_bank.pages.sessions import (
    FormForged,
    OpenSession,
    SessionGone,
    advance,
    next_record,
    open_session,
)
from xs2a_bank.people import ONE_TIME_CODE, PASSWORD, PEOPLE, Fault
from xs2a_bank.records import Consent
from xs2a_bank.refusals import Refusal
from xs2a_bank.secret_values import same
from xs2a_bank.store import Changed, Stored

MAX_FAILURES = 5
STEPS = ("login", "code", "consent")
routes = Blueprint("sca", __name__)


@routes.route("/<bank:bank_id>/oauth2/sca/<label>/<step>", methods=["GET", "POST"])
def sca(bank_id: str, label: str, step: str) -> Response:  # noqa: ARG001 - the label only separates cookies
    context, bank = current_context(), BANKS[bank_id]
    if step not in STEPS:
        return error_page(bank, "There is no such page.", status=404)
    try:
        session = open_session(context, bank, request)
        stored = session.consent
        if stored.record.status != "received":
            raise SessionGone("This request was withdrawn or already answered.")
        if session.record.step != step:
            return _see_other(session.record.step)
        return _STEPS[step](context, bank, session, stored)
    except SessionGone as gone:
        return error_page(bank, gone.text, status=410)
    except FormForged:
        return error_page(
            bank, "This form is out of date. Go back, reload the page and try again.", status=403
        )
    except Refusal:
        return error_page(bank, "The request that brought you here no longer exists.", status=410)


def _login(context: Context, bank: Bank, session: OpenSession, stored: Stored[Consent]) -> Response:
    values = _shared_values(context, session)
    if request.method == "GET":
        return page(LOGIN_PAGE, bank, people=PEOPLE.values(), **values)
    username = request.form.get("username", "").strip().lower()
    right_password = same(request.form.get("password", ""), PASSWORD)
    if username not in PEOPLE or not right_password:
        if session.record.failures + 1 >= MAX_FAILURES:
            return _fail(context, bank, session, stored)
        advance(context, session, next_record(session, failures=session.record.failures + 1))
        error = "The user name or the password is wrong."
        return page(LOGIN_PAGE, bank, status=401, people=PEOPLE.values(), error=error, **values)
    advance(context, session, next_record(session, step="code", person=username, failures=0))
    note_sca(context, stored, "psuIdentified")
    return _see_other("code")


def _code(context: Context, bank: Bank, session: OpenSession, stored: Stored[Consent]) -> Response:
    values = _shared_values(context, session)
    if request.method == "GET":
        return page(CODE_PAGE, bank, **values)
    if PEOPLE[session.record.person or ""].fault is Fault.SCA_FAILS:
        return _fail(context, bank, session, stored)
    if not same(request.form.get("otp", "").strip(), ONE_TIME_CODE):
        if session.record.failures + 1 >= MAX_FAILURES:
            return _fail(context, bank, session, stored)
        advance(context, session, next_record(session, failures=session.record.failures + 1))
        return page(CODE_PAGE, bank, status=401, error="The code is wrong.", **values)
    advance(context, session, next_record(session, step="consent", failures=0))
    note_sca(context, stored, "psuAuthenticated")
    return _see_other("consent")


def _consent(context: Context, bank: Bank, session: OpenSession, stored: Stored[Consent]) -> Response:
    consent = stored.record
    accounts = _offered(bank, session, consent)
    now = context.clock.now(session.record.client_id)
    values: dict[str, Any] = {
        **_shared_values(context, session),
        "consent": consent,
        "until": granted_until(bank, consent, person=session.record.person or "", now=now),
        "accounts": [(account, statement(account, now=now).available_balance) for account in accounts],
    }
    if request.method == "GET":
        return page(CONSENT_PAGE, bank, **values)
    decision = request.form.get("decision")
    if decision == "decline":
        return _fail(context, bank, session, stored)
    chosen = tuple(a.iban for a in accounts if a.iban in request.form.getlist("account"))
    if decision != "approve":
        return page(CONSENT_PAGE, bank, status=422, error="Choose to allow or to decline.", **values)
    if not chosen:
        return page(CONSENT_PAGE, bank, status=422, error="Choose at least one account.", **values)
    advance(context, session, next_record(session, step="done"))
    person = session.record.person or ""
    try:
        approve(context, bank, stored, person=person, ibans=chosen)
    except Changed:
        raise SessionGone("This request was withdrawn or answered elsewhere.") from None
    return _answer(bank, session, person=person)


def _fail(context: Context, bank: Bank, session: OpenSession, stored: Stored[Consent]) -> Response:
    """Declined, or SCA failed: the consent is rejected and the TPP is told."""
    advance(context, session, next_record(session, step="done"))
    reject(context, bank, stored)
    return _answer(bank, session, person=None)


def _answer(bank: Bank, session: OpenSession, *, person: str | None) -> Response:
    """The authorization response; `person` None denies."""
    server = server_of(bank.id)
    oauth_request = server.replayed_request(session.record.parameters)
    grant = server.get_authorization_grant(oauth_request)
    return cast(
        Response,
        server.create_authorization_response(request=oauth_request, grant_user=person, grant=grant),
    )


def _offered(bank: Bank, session: OpenSession, consent: Consent) -> tuple[Account, ...]:
    owned = accounts_of(bank.id, session.record.person or "")
    return tuple(a for a in owned if not consent.asked_ibans or a.iban in consent.asked_ibans)


def _shared_values(context: Context, session: OpenSession) -> dict[str, Any]:
    client = context.settings.clients[session.record.client_id]
    return {"tpp": client.name, "form_token": session.form_token}


def _see_other(step: str) -> Response:
    # Relative to the session's own path.
    return cast(Response, redirect(step, 303))


_STEPS = {"login": _login, "code": _code, "consent": _consent}
