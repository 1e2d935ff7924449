"""The authorization endpoint (RFC 6749 section 4.1.1): checks the request and opens a session for the PSU."""

from __future__ import annotations

from typing import cast
from urllib.parse import urlencode, urlsplit

from authlib.oauth2 import OAuth2Error
from flask import Blueprint, Response, redirect, request

from xs2a_bank.banks import BANKS, Bank
from xs2a_bank.consents import find_consent
from xs2a_bank.context import Context, current_context
from xs2a_bank.oauth.routes import server_of
from xs2a_bank.oauth.server import BankAuthorizationServer
from xs2a_bank.pages.render import error_page
from xs2a_bank.pages.sessions import set_cookie, start_session
from xs2a_bank.refusals import Refusal

KEPT = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
)
MAX_PARAMETER_CHARACTERS = 2_000
routes = Blueprint("authorize", __name__)


@routes.get("/<bank:bank_id>/oauth2/authorize")
def authorize(bank_id: str) -> Response:
    context, bank, server = current_context(), BANKS[bank_id], server_of(bank_id)
    refusal = _untrustworthy(server)
    if refusal:
        # Where the redirect URI cannot be trusted, nobody is sent there (RFC 6749 section 4.1.2.1).
        return error_page(bank, refusal, status=400)
    redirect_uri = request.args["redirect_uri"]
    if request.args.get("response_type") != "code":
        return _send_back(server, redirect_uri, "unsupported_response_type")
    try:
        server.get_consent_grant()
    except OAuth2Error as error:
        return _send_back(server, redirect_uri, str(error.error), description=error.description)
    consent_id = server.consent_id_of(request.args["scope"])
    if not _awaits_authorisation(context, bank, consent_id):
        return _send_back(server, redirect_uri, "invalid_scope", description="No such consent is waiting.")
    parameters = {name: request.args[name] for name in KEPT if name in request.args}
    label, secret = start_session(
        context, bank, consent_id=consent_id, client_id=request.args["client_id"], parameters=parameters
    )
    path = f"{urlsplit(context.settings.url).path}/{bank.id}/oauth2/sca/{label}"
    response = cast(Response, redirect(f"{context.settings.url}/{bank.id}/oauth2/sca/{label}/login", 303))
    set_cookie(context, response, path=path, secret=secret)
    return response


def _untrustworthy(server: BankAuthorizationServer) -> str | None:
    for name in KEPT:
        values = request.args.getlist(name)
        if len(values) > 1:
            return f"The app that sent you here gave “{name}” twice."
        if any(len(value) > MAX_PARAMETER_CHARACTERS for value in values):
            return f"The app that sent you here gave a “{name}” that is too long."
    client = server.query_client(request.args.get("client_id", ""))
    if client is None:
        return "The app that sent you here is not registered at this bank."
    if not client.check_redirect_uri(request.args.get("redirect_uri", "")):
        return "The app that sent you here wants you back at an address that it has not registered."
    return None


def _awaits_authorisation(context: Context, bank: Bank, consent_id: str) -> bool:
    try:
        stored = find_consent(context, bank, request.args["client_id"], consent_id)
    except Refusal:
        return False
    return stored.record.status == "received"


def _send_back(
    server: BankAuthorizationServer, redirect_uri: str, error: str, *, description: str | None = None
) -> Response:
    parameters = {"error": error}
    if description:
        parameters["error_description"] = description
    if "state" in request.args:
        parameters["state"] = request.args["state"]
    parameters["iss"] = server.issuer
    separator = "&" if urlsplit(redirect_uri).query else "?"
    return cast(Response, redirect(f"{redirect_uri}{separator}{urlencode(parameters)}", 302))
