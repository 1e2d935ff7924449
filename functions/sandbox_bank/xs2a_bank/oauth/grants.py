"""How a code becomes tokens, how tokens are renewed, and how they end."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError, grants
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge

from xs2a_bank.faults import delay_first_refresh
from xs2a_bank.oauth.models import IssuedCode, IssuedToken, OAuthClient
from xs2a_bank.oauth.rotation import rotate
from xs2a_bank.records import Code, Token
from xs2a_bank.secret_values import fingerprint, new_secret
from xs2a_bank.store import Changed

if TYPE_CHECKING:
    from xs2a_bank.oauth.server import BankAuthorizationServer


class MandatoryS256(CodeChallenge):  # type: ignore[misc]
    """RFC 7636, with S256 and nothing else, for every client (RFC 9700 section 2.1.1)."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        data = grant.request.payload.data
        if not data.get("code_challenge") or data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE with 'code_challenge_method=S256' is required")
        super().validate_code_challenge(grant, redirect_uri)


class CodeGrant(grants.AuthorizationCodeGrant):  # type: ignore[misc]
    server: BankAuthorizationServer

    def generate_authorization_code(self) -> str:
        return new_secret("sbac_")

    def save_authorization_code(self, code: str, request: Any) -> None:
        context = self.server.context
        consent_id = self.server.consent_id_of(request.scope)
        now = context.clock.now(request.client.client_id)
        record = Code(
            bank=self.server.bank.id,
            client_id=request.client.client_id,
            consent_id=consent_id,
            grant_id=self.server.open_grant(client_id=request.client.client_id, consent_id=consent_id),
            person=request.user,
            scope=request.scope,
            redirect_uri=request.payload.redirect_uri,
            code_challenge=request.payload.data["code_challenge"],
            expires_at=now + timedelta(seconds=context.settings.code_seconds),
        )
        context.store.create(fingerprint(code), record)

    def query_authorization_code(self, code: str, client: OAuthClient) -> IssuedCode | None:
        context = self.server.context
        stored = context.store.get(Code, fingerprint(code))
        if stored is None or stored.record.client_id != client.client_id:
            return None
        if stored.record.bank != self.server.bank.id:
            return None
        if stored.record.used:
            # RFC 6749 section 4.1.2: a code used twice takes its tokens with it.
            self.server.revoke_grant(stored.record.grant_id)
            return None
        return IssuedCode(stored)

    def authenticate_user(self, authorization_code: IssuedCode) -> str | None:
        """Claims the code, so that of two exchanges at the same moment one wins."""
        stored = authorization_code.stored
        client_id = stored.record.client_id
        self.server.require_valid_consent(stored.record.consent_id, client_id=client_id)
        if stored.record.expires_at <= self.server.context.clock.now(client_id):
            raise InvalidGrantError("The authorization code has expired.")
        try:
            self.server.context.store.replace(stored, msgspec.structs.replace(stored.record, used=True))
        except Changed:
            self.server.revoke_grant(stored.record.grant_id)
            return None
        return stored.record.person

    def delete_authorization_code(self, authorization_code: IssuedCode) -> None:
        """Kept and marked as used, so that a replay is recognised."""


class RefreshGrant(grants.RefreshTokenGrant):  # type: ignore[misc]
    server: BankAuthorizationServer
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> IssuedToken | None:
        context = self.server.context
        stored = context.store.get(Token, fingerprint(refresh_token))
        if stored is None or stored.record.kind != "refresh" or stored.record.bank != self.server.bank.id:
            return None
        return IssuedToken(stored)

    def authenticate_user(self, refresh_token: IssuedToken) -> str:
        token = refresh_token.stored.record
        self.server.require_valid_consent(token.consent_id, client_id=token.client_id)
        if token.expires_at <= self.server.context.clock.now(token.client_id):
            raise InvalidGrantError("The refresh token has expired.")
        return token.person

    def issue_token(self, user: str, refresh_token: IssuedToken) -> dict[str, Any]:
        """Rotates before the new token is kept: an answer that never was leaves nothing that works."""
        token: dict[str, Any] = super().issue_token(user, refresh_token)
        stored = refresh_token.stored
        rotate(self.server, stored.record, used=stored.key, successor=fingerprint(token["refresh_token"]))
        return token

    def revoke_old_credential(self, refresh_token: IssuedToken) -> None:
        """Done by the rotation."""

    def create_token_response(self) -> Any:
        answer = super().create_token_response()
        delay_first_refresh(self.server.context, self.request.refresh_token.stored.record)
        return answer


class Revocation(RevocationEndpoint):  # type: ignore[misc]
    """RFC 7009: either token ends the whole grant."""

    server: BankAuthorizationServer

    def query_token(self, token_string: str, token_type_hint: str | None) -> IssuedToken | None:  # noqa: ARG002
        stored = self.server.context.store.get(Token, fingerprint(token_string))
        if stored is None or stored.record.bank != self.server.bank.id:
            return None
        return IssuedToken(stored)

    def revoke_token(self, token: IssuedToken, request: Any) -> None:  # noqa: ARG002
        self.server.revoke_grant(token.stored.record.grant_id)
