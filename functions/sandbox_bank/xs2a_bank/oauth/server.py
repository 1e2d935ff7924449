"""One authorization server for each bank: each has its own issuer, scopes and tokens."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.flask_oauth2.requests import FlaskOAuth2Payload
from authlib.oauth2 import OAuth2Request
from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidScopeError
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc9207 import IssuerParameter
from flask import Request, request
from werkzeug.datastructures import MultiDict

from xs2a_bank.banks import Bank
from xs2a_bank.clients import authenticated_client
from xs2a_bank.consents import find_consent
from xs2a_bank.context import Context
from xs2a_bank.oauth.grants import CodeGrant, MandatoryS256, RefreshGrant, Revocation
from xs2a_bank.oauth.models import OAuthClient
from xs2a_bank.records import Consent, Grant, Token
from xs2a_bank.refusals import Reason, Refusal
from xs2a_bank.secret_values import fingerprint, new_secret
from xs2a_bank.store import Changed, Stored

# authlib writes issued tokens into its debug log.
logging.getLogger("authlib").setLevel(logging.INFO)


class BankAuthorizationServer(AuthorizationServer):  # type: ignore[misc]
    def __init__(self, context: Context, bank: Bank) -> None:
        super().__init__()
        self.context = context
        self.bank = bank
        self.issuer = f"{context.settings.url}/{bank.id}"
        self.register_token_generator(
            "default",
            BearerTokenGenerator(
                lambda **_: new_secret("sbat_"),
                lambda **_: new_secret("sbrt_"),
                context.settings.access_token_seconds,
            ),
        )
        self.register_client_auth_method("client_secret_basic", self._authenticate_basic)
        self.register_grant(CodeGrant, [MandatoryS256()])
        self.register_grant(RefreshGrant)
        self.register_endpoint(Revocation)
        self.register_extension(_Issuer)

    def scope_of(self, consent_id: str) -> str:
        return self._scope_prefix + consent_id

    def consent_id_of(self, scope: str) -> str:
        return scope.removeprefix(self._scope_prefix)

    @property
    def _scope_prefix(self) -> str:
        return "AIS:" if self.bank.dialect == "berlin_group" else "mandate:"

    def query_client(self, client_id: str) -> OAuthClient | None:
        client = self.context.settings.clients.get(client_id)
        return OAuthClient(client) if client else None

    def create_oauth2_request(self, request: Any) -> OAuth2Request:  # noqa: ARG002 - authlib passes None
        return _PublicRequest(self.context.settings.url)

    def replayed_request(self, parameters: dict[str, str]) -> OAuth2Request:
        """The authorization request that a session keeps, as if it came in again."""
        replayed = OAuth2Request("GET", f"{self.issuer}/oauth2/authorize")
        replayed.payload = BasicOAuth2Payload(parameters)
        return replayed

    def validate_requested_scope(self, scope: str | None) -> None:
        if not scope or not scope.startswith(self._scope_prefix):
            raise InvalidScopeError()

    def require_valid_consent(self, consent_id: str, *, client_id: str) -> Stored[Consent]:
        try:
            stored = find_consent(self.context, self.bank, client_id, consent_id)
        except Refusal as refusal:
            if refusal.reason is not Reason.CONSENT_UNKNOWN:
                raise
            raise InvalidGrantError("The consent is not known.") from None
        if stored.record.status != "valid":
            raise InvalidGrantError("The consent is not valid.")
        return stored

    def open_grant(self, *, client_id: str, consent_id: str) -> str:
        grant_id = str(uuid4())
        expires_at = self.context.clock.now(client_id) + self._refresh_lifetime
        self.context.store.create(
            grant_id, Grant(consent_id=consent_id, client_id=client_id, expires_at=expires_at)
        )
        return grant_id

    def revoke_grant(self, grant_id: str) -> None:
        stored = self.context.store.get(Grant, grant_id)
        if stored is None or stored.record.revoked:
            return
        try:
            self.context.store.replace(stored, msgspec.structs.replace(stored.record, revoked=True))
        except Changed:
            # Revoked or rotated meanwhile: what was rotated has to go too.
            self.revoke_grant(grant_id)

    def save_token(self, token: dict[str, Any], request: OAuth2Request) -> None:
        """Both tokens by fingerprint, in the family of the code or refresh token that they came from."""
        source = request.authorization_code or request.refresh_token
        origin = source.stored.record
        now = self.context.clock.now(origin.client_id)
        for kind, secret, lifetime in (
            ("access", token["access_token"], timedelta(seconds=token["expires_in"])),
            ("refresh", token["refresh_token"], self._refresh_lifetime),
        ):
            record = Token(
                kind=kind,  # type: ignore[arg-type]
                bank=self.bank.id,
                client_id=origin.client_id,
                consent_id=origin.consent_id,
                grant_id=origin.grant_id,
                person=origin.person,
                scope=token["scope"],
                expires_at=now + lifetime,
            )
            self.context.store.create(fingerprint(secret), record)

    @property
    def _refresh_lifetime(self) -> timedelta:
        return timedelta(days=self.context.settings.refresh_token_days)

    def _authenticate_basic(self, query_client: Any, oauth_request: OAuth2Request) -> OAuthClient | None:  # noqa: ARG002
        try:
            return OAuthClient(authenticated_client(self.context, request))
        except Refusal:
            return None


class _PublicRequest(OAuth2Request):  # type: ignore[misc]
    """The request under the bank's public address: behind a proxy its own URL says http."""

    def __init__(self, public_url: str) -> None:
        flask_request: Request = request
        super().__init__(
            flask_request.method, public_url + flask_request.full_path, headers=flask_request.headers
        )
        self._flask_request = flask_request
        self.payload = FlaskOAuth2Payload(flask_request)

    @property
    def args(self) -> MultiDict[str, str]:
        return self._flask_request.args

    @property
    def form(self) -> MultiDict[str, str]:
        return self._flask_request.form


class _Issuer(IssuerParameter):  # type: ignore[misc]
    """RFC 9207: every authorization response says who answers."""

    def __init__(self, server: BankAuthorizationServer) -> None:
        self._server = server
        self(server)

    def get_issuer(self) -> str:
        return self._server.issuer
