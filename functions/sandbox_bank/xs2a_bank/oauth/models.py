"""The bank's records as authlib's grants want to see them."""

from __future__ import annotations

from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, TokenMixin

from xs2a_bank.records import Code, Token
from xs2a_bank.secret_values import same
from xs2a_bank.settings import Client
from xs2a_bank.store import Stored


class OAuthClient(ClientMixin):  # type: ignore[misc]
    def __init__(self, client: Client) -> None:
        self.client = client
        self.client_id = client.id

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        """None: every request names its redirect URI."""

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """Which scopes exist, the server knows; a client adds no limit of its own. None refuses."""
        return scope or None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.client.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        return same(self.client.secret, client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002 - one for all
        return method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in ("authorization_code", "refresh_token")


class IssuedCode(AuthorizationCodeMixin):  # type: ignore[misc]
    def __init__(self, stored: Stored[Code]) -> None:
        self.stored = stored
        self.code_challenge = stored.record.code_challenge
        self.code_challenge_method = "S256"

    def get_redirect_uri(self) -> str:
        return self.stored.record.redirect_uri

    def get_scope(self) -> str:
        return self.stored.record.scope


class IssuedToken(TokenMixin):  # type: ignore[misc]
    def __init__(self, stored: Stored[Token]) -> None:
        self.stored = stored

    def check_client(self, client: OAuthClient) -> bool:
        return self.stored.record.client_id == client.client_id

    def get_scope(self) -> str:
        return self.stored.record.scope
