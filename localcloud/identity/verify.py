"""What stands before a private Cloud Run service: only identities that may invoke it get through.

Cloud Run answers refusals with an HTML page of its own, and a call without a token with 403; here they are short JSON,
and a call without a token gets 401.
"""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SIGNATURE_REMOVED = "SIGNATURE_REMOVED_BY_GOOGLE"

_MAX_TOKENS_KEPT = 1_024
_KEYS_KEPT_SECONDS = 3_600
_UNKNOWN_KEY_REFETCH_SECONDS = 5
_CLOCK_SKEW_SECONDS = 30
_FETCH_TIMEOUT_SECONDS = 5


class InvalidToken(Exception):
    """The reason, in words that may be shown to the caller."""


class KeysUnavailable(Exception):
    """The identity server's keys cannot be read."""


@dataclass(frozen=True)
class Caller:
    email: str
    expires_at: int  # Unix seconds


class RequireInvoker:
    """WSGI middleware. A verified token is kept until it expires, so that its next request costs one look-up.

    As on Cloud Run, `X-Serverless-Authorization` is the one that counts when both headers are sent, and the token
    that the application sees has `SIGNATURE_REMOVED_BY_GOOGLE` in place of its signature.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        issuer: str,
        jwks_url: str,
        audience: str,
        allowed_emails: Collection[str],
    ) -> None:
        self._app = app
        self._verifier = TokenVerifier(issuer=issuer, jwks_url=jwks_url, audience=audience)
        self._allowed_emails = frozenset(allowed_emails)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        header = "HTTP_X_SERVERLESS_AUTHORIZATION"
        if header not in environ:
            header = "HTTP_AUTHORIZATION"
        scheme, _, token = environ.get(header, "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return _refuse(
                start_response, "401 Unauthorized", "An identity token is required.", 'Bearer realm=""'
            )
        try:
            caller = self._verifier.verify(token)
        except InvalidToken as invalid:
            challenge = f'Bearer error="invalid_token", error_description="{invalid}"'
            return _refuse(start_response, "401 Unauthorized", str(invalid), challenge)
        except KeysUnavailable:
            return _refuse(start_response, "503 Service Unavailable", "The identity keys are out of reach.")
        if caller.email not in self._allowed_emails:
            return _refuse(start_response, "403 Forbidden", "The identity may not invoke this service.")
        environ[header] = f"{scheme} {token.rpartition('.')[0]}.{SIGNATURE_REMOVED}"
        return self._app(environ, start_response)


class TokenVerifier:
    """Checks signature (RS256 alone), iss, aud, exp and iat; keeps the keys and the tokens that passed."""

    def __init__(self, *, issuer: str, jwks_url: str, audience: str) -> None:
        if urlsplit(jwks_url).scheme not in ("http", "https"):
            raise ValueError("jwks_url must be an http or https address")
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._audience = audience
        self._verified: OrderedDict[str, Caller] = OrderedDict()
        self._lock = threading.Lock()
        self._fetching = threading.Lock()
        self._keys: dict[str, KeySet] = {}
        self._fetched_at = float("-inf")

    def verify(self, token: str) -> Caller:
        """Raises InvalidToken, or KeysUnavailable when the keys were never read and cannot be now."""
        with self._lock:
            caller = self._verified.get(token)
            if caller is not None:
                self._verified.move_to_end(token)
        if caller is None:
            caller = self._check(token)
            with self._lock:
                self._verified[token] = caller
                if len(self._verified) > _MAX_TOKENS_KEPT:
                    self._verified.popitem(last=False)
        if caller.expires_at <= time.time():
            with self._lock:
                self._verified.pop(token, None)
            raise InvalidToken("The token has expired.")
        return caller

    def _check(self, token: str) -> Caller:
        try:
            header = jws.extract_compact(token.encode()).headers()
            if header.get("alg") != "RS256":
                raise InvalidToken("The token is not signed with RS256.")
            claims = jwt.decode(token, self._key(str(header.get("kid"))), algorithms=["RS256"]).claims
        except (JoseError, ValueError, UnicodeError):
            raise InvalidToken("The token or its signature is not valid.") from None
        expires_at, issued_at, email = claims.get("exp"), claims.get("iat"), claims.get("email")
        if claims.get("iss") != self._issuer:
            raise InvalidToken("The token is of another issuer.")
        if claims.get("aud") != self._audience:
            raise InvalidToken("The token is meant for another audience.")
        if type(expires_at) is not int or type(issued_at) is not int:
            raise InvalidToken("The token lacks exp or iat.")
        if issued_at > time.time() + _CLOCK_SKEW_SECONDS:
            raise InvalidToken("The token was issued in the future.")
        if not isinstance(email, str) or claims.get("email_verified") is not True:
            raise InvalidToken("The token names no verified e-mail address.")
        return Caller(email=email, expires_at=expires_at)

    def _key(self, kid: str) -> KeySet:
        with self._fetching:
            age = time.monotonic() - self._fetched_at
            if age > _KEYS_KEPT_SECONDS or (kid not in self._keys and age > _UNKNOWN_KEY_REFETCH_SECONDS):
                self._fetch()
            if kid not in self._keys:
                raise InvalidToken("The token is signed with an unknown key.")
            return self._keys[kid]

    def _fetch(self) -> None:
        try:
            # No proxy: the address is on loopback, whatever the environment says.
            opener = build_opener(ProxyHandler({}))
            with opener.open(self._jwks_url, timeout=_FETCH_TIMEOUT_SECONDS) as reply:
                keys = json.load(reply)["keys"]
        except (OSError, ValueError, KeyError):
            if not self._keys:
                raise KeysUnavailable from None
            return  # the keys at hand serve until the identity server is back
        self._keys = {key["kid"]: KeySet.import_key_set({"keys": [key]}) for key in keys}
        self._fetched_at = time.monotonic()


def _refuse(
    start_response: StartResponse, status: str, reason: str, challenge: str | None = None
) -> Iterable[bytes]:
    body = json.dumps({"error": {"code": int(status[:3]), "message": reason}}).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    if challenge:
        headers.append(("WWW-Authenticate", challenge))
    start_response(status, headers)
    return [body]
