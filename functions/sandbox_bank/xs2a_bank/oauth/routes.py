"""Metadata (RFC 8414), token endpoint and revocation (RFC 7009)."""

from __future__ import annotations

from typing import cast

from flask import Blueprint, Response, current_app, jsonify

from xs2a_bank.banks import BANKS
from xs2a_bank.oauth.server import BankAuthorizationServer
from xs2a_bank.refusals import Reason, Refusal

EXTENSION = "xs2a_bank_oauth"
routes = Blueprint("oauth", __name__)


def server_of(bank_id: str) -> BankAuthorizationServer:
    servers = cast(dict[str, BankAuthorizationServer], current_app.extensions[EXTENSION])
    return servers[bank_id]


@routes.get("/.well-known/oauth-authorization-server/<bank_id>")
@routes.get("/<bank_id>/.well-known/oauth-authorization-server")
def metadata(bank_id: str) -> Response:
    if bank_id not in BANKS:
        raise Refusal(Reason.RESOURCE_UNKNOWN, "there is no such bank")
    issuer = server_of(bank_id).issuer
    return jsonify(
        issuer=issuer,
        authorization_endpoint=f"{issuer}/oauth2/authorize",
        token_endpoint=f"{issuer}/oauth2/token",
        revocation_endpoint=f"{issuer}/oauth2/revoke",
        response_types_supported=["code"],
        response_modes_supported=["query"],
        grant_types_supported=["authorization_code", "refresh_token"],
        token_endpoint_auth_methods_supported=["client_secret_basic"],
        revocation_endpoint_auth_methods_supported=["client_secret_basic"],
        code_challenge_methods_supported=["S256"],
        authorization_response_iss_parameter_supported=True,
    )


@routes.post("/<bank:bank_id>/oauth2/token")
def token(bank_id: str) -> Response:
    return cast(Response, server_of(bank_id).create_token_response())


@routes.post("/<bank:bank_id>/oauth2/revoke")
def revoke(bank_id: str) -> Response:
    return cast(Response, server_of(bank_id).create_endpoint_response("revocation"))
