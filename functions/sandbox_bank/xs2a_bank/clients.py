"""Which TPP is calling. HTTP Basic stands in for production's QWAC, for consents, mandates and tokens alike."""

from __future__ import annotations

from urllib.parse import unquote

from flask import Request

from xs2a_bank.context import Context
from xs2a_bank.refusals import Reason, Refusal
from xs2a_bank.secret_values import same
from xs2a_bank.settings import Client


def authenticated_client(context: Context, request: Request) -> Client:
    authorization = request.authorization
    if authorization is None or authorization.type != "basic":
        raise Refusal(Reason.CLIENT_MISSING, "HTTP Basic authentication of the TPP is required")
    # RFC 6749 section 2.3.1: both parts are form-encoded before they are joined.
    client = context.settings.clients.get(unquote(authorization.username or ""))
    secret = unquote(authorization.password or "")
    # An unknown client costs the same comparison as a wrong secret.
    matches = same(client.secret if client else "-", secret)
    if client is None or not matches:
        raise Refusal(Reason.CLIENT_INVALID, "the TPP is not known or its secret is wrong")
    return client
