"""OAuth 2.0 at a bank: metadata (RFC 8414), the authorise URL with PKCE (RFC 7636), and tokens.

authlib speaks the token endpoint; its requests go through BankHttp, so that its bounds hold there too.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client
from authlib.oauth2.rfc8414 import get_well_known_url

from shared.banks.failures import Meaning, bank_error
from shared.banks.http import BankHttp
from shared.banks.partner import form_encoded
from shared.banks.profile import BankSetup
from shared.domain.bank_data import BankTokens, StartedConsent
from shared.domain.clock import Clock
from shared.domain.errors import BankRefused, BankUnavailable

_METADATA_TTL_SECONDS = 300
_DEFAULT_TOKEN_SECONDS = 300
"""Where the bank leaves `expires_in` out: short, since a refresh too early costs less than one too late."""
_MAX_TOKEN_SECONDS = 180 * 24 * 3600
_MEANINGS: dict[str, Meaning] = {
    "invalid_grant": "access_refused",
    "invalid_client": "misconfigured",
    "unauthorized_client": "misconfigured",
    "unsupported_grant_type": "misconfigured",
    "invalid_request": "refused",
    "invalid_scope": "refused",
    "access_denied": "refused",
    "server_error": "unavailable",
    "temporarily_unavailable": "unavailable",
    "slow_down": "rate_limited",
}

# authlib's own add a charset to the content type, which the media type does not have.
_TOKEN_HEADERS = {"Accept": "application/json"}
_ERRORS_BY_STATUS = {401: "invalid_client", 408: "temporarily_unavailable", 429: "slow_down"}
"""Where the bank refuses without a word of RFC 6749 §5.2."""


class ServerMetadata(msgspec.Struct, frozen=True):
    """RFC 8414 §2, the parts that are used, and RFC 9207 §3."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    code_challenge_methods_supported: tuple[str, ...] = ()
    authorization_response_iss_parameter_supported: bool = False


class _Token(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 6749 §5.1."""

    access_token: str
    token_type: str
    expires_in: int | None = None
    refresh_token: str | None = None


class OAuth:
    def __init__(self, setup: BankSetup, http: BankHttp, clock: Clock) -> None:
        self._setup = setup
        self._bank_id = setup.profile.id
        self._http = http
        self._clock = clock
        self._cached: tuple[float, ServerMetadata] | None = None

    def metadata(self, url: str | None = None) -> ServerMetadata:
        """The issuer's metadata, from `url` where the bank named it, else from its well-known places."""
        cached = self._cached
        if cached is not None and cached[0] > time.monotonic():
            if url is not None:
                self._http.own(url)
            return cached[1]
        issuer = self._setup.issuer
        metadata = self._fetch(url) if url is not None else self._discover(issuer)
        if metadata.issuer != issuer:
            raise BankUnavailable(self._bank_id, "The bank's authorization server is not the expected one.")
        self._http.own(metadata.token_endpoint)
        if urlsplit(metadata.authorization_endpoint).scheme != urlsplit(issuer).scheme:
            raise BankUnavailable(self._bank_id, "The bank's login page is not where it can be trusted.")
        self._cached = (time.monotonic() + _METADATA_TTL_SECONDS, metadata)
        return metadata

    def authorise_url(
        self,
        metadata: ServerMetadata,
        *,
        bank_consent_id: str,
        redirect_uri: str,
        state: str,
        code_challenge: str,
    ) -> str:
        if "S256" not in metadata.code_challenge_methods_supported:
            raise BankUnavailable(self._bank_id, "The bank's login does not support PKCE.")
        spelling = self._setup.profile.authorise_parameters
        parameters = {
            "response_type": "code",
            "client_id": self._setup.client_id,
            "redirect_uri": redirect_uri,
            "scope": self._setup.profile.scope_template.format(consent=bank_consent_id),
            "state": state,
            "code_challenge": code_challenge,
            "code_challenge_method": "S256",
        }
        parts = urlsplit(metadata.authorization_endpoint)
        query = parse_qsl(parts.query, keep_blank_values=True)
        query += [(spelling.get(name, name), value) for name, value in parameters.items()]
        return urlunsplit(parts._replace(query=urlencode(query), fragment=""))

    def start(
        self,
        metadata_url: str | None,
        *,
        bank_consent_id: str,
        redirect_uri: str,
        state: str,
        code_challenge: str,
        valid_until: date | None,
    ) -> StartedConsent:
        """A consent that the bank has made, and the way to its login. Raises BankUnavailable."""
        metadata = self.metadata(metadata_url)
        return StartedConsent(
            bank_consent_id=bank_consent_id,
            authorise_url=self.authorise_url(
                metadata,
                bank_consent_id=bank_consent_id,
                redirect_uri=redirect_uri,
                state=state,
                code_challenge=code_challenge,
            ),
            issuer=metadata.issuer,
            issuer_in_response=metadata.authorization_response_iss_parameter_supported,
            valid_until=valid_until,
        )

    def exchange(self, *, code: str, code_verifier: str, redirect_uri: str, issuer: str) -> BankTokens:
        """Raises BankRefused on a code that the bank does not take, or when `issuer` is not this bank's."""
        metadata = self.metadata()
        if issuer != metadata.issuer:
            raise BankRefused(self._bank_id, "The authorization came from another server than the bank's.")
        try:
            answer = self._client().fetch_token(
                metadata.token_endpoint,
                headers=_TOKEN_HEADERS,
                grant_type="authorization_code",
                code=code,
                code_verifier=code_verifier,
                redirect_uri=redirect_uri,
            )
        except OAuth2Error as refusal:
            if refusal.error == "invalid_grant":
                raise BankRefused(self._bank_id, "The bank refused the authorization code.") from None
            raise self._refused(refusal) from None
        return self._tokens(answer)

    def refresh(self, *, refresh_token: str) -> BankTokens:
        metadata = self.metadata()
        try:
            answer = self._client().refresh_token(
                metadata.token_endpoint, headers=_TOKEN_HEADERS, refresh_token=refresh_token
            )
        except OAuth2Error as refusal:
            raise self._refused(refusal) from None
        return self._tokens(answer)

    def _discover(self, issuer: str) -> ServerMetadata:
        """RFC 8414 §3.1 puts the well-known part before the issuer's path; the standard's own example after it."""
        appended = f"{issuer.rstrip('/')}/.well-known/oauth-authorization-server"
        inserted = get_well_known_url(issuer, external=True)
        try:
            return self._fetch(inserted)
        except (BankUnavailable, BankRefused):
            if inserted == appended:
                raise
            return self._fetch(appended)

    def _fetch(self, url: str) -> ServerMetadata:
        reply = self._http.call("GET", url)
        if reply.status != 200 or not reply.is_json:
            raise BankUnavailable(self._bank_id, "The bank's authorization server does not describe itself.")
        try:
            return msgspec.convert(reply.body, ServerMetadata)
        except msgspec.ValidationError:
            raise BankUnavailable(
                self._bank_id, "The bank's authorization server describes itself wrongly."
            ) from None

    def _client(self) -> Any:
        return OAuth2Client(
            session=_TokenSession(self._http, self._bank_id),
            client_id=form_encoded(self._setup.client_id),
            client_secret=form_encoded(self._setup.client_secret),
            token_endpoint_auth_method="client_secret_basic",  # noqa: S106 - the method's name
        )

    def _tokens(self, answer: Mapping[str, Any]) -> BankTokens:
        token = msgspec.convert(dict(answer), _Token)
        seconds = _DEFAULT_TOKEN_SECONDS if token.expires_in is None else token.expires_in
        if token.token_type.lower() != "bearer" or not token.access_token or seconds <= 0:
            raise BankUnavailable(self._bank_id, "The bank's tokens make no sense.")
        return BankTokens(
            access_token=token.access_token,
            refresh_token=token.refresh_token or None,
            expires_at=self._clock.now() + timedelta(seconds=min(seconds, _MAX_TOKEN_SECONDS)),
        )

    def _refused(self, refusal: OAuth2Error) -> Exception:
        error = refusal.error if refusal.error in _MEANINGS else "unknown"
        return bank_error(
            self._bank_id,
            _MEANINGS.get(error, "refused"),
            code=error,
            headers={},
            now=self._clock.now(),
        )


class _TokenSession:
    """The `session` that authlib's client posts with. What authlib gets to read has been checked before."""

    def __init__(self, http: BankHttp, bank_id: str) -> None:
        self._http = http
        self._bank_id = bank_id

    def post(
        self, url: str, *, data: dict[str, str], headers: dict[str, str], auth: ClientAuth
    ) -> _TokenReply:
        _, signed_headers, _ = auth.prepare("POST", url, dict(headers), "")
        reply = self._http.call("POST", url, headers=signed_headers, form=data)
        if reply.status >= 400 and not (isinstance(reply.body, dict) and "error" in reply.body):
            return _TokenReply(reply.status, {"error": _ERRORS_BY_STATUS.get(reply.status, "unknown")})
        if isinstance(reply.body, dict) and "error" in reply.body:
            return _TokenReply(reply.status, {"error": str(reply.body["error"])})
        try:
            token = msgspec.convert(reply.body, _Token, strict=False)
        except msgspec.ValidationError:
            raise BankUnavailable(self._bank_id, "The bank's tokens make no sense.") from None
        return _TokenReply(reply.status, msgspec.to_builtins(token))


class _TokenReply:
    def __init__(self, status: int, token: dict[str, Any]) -> None:
        self.status_code = status
        self._token = token

    def json(self) -> dict[str, Any]:
        return self._token
