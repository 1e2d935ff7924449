"""`Authorization: Bearer <ID token>` to who signed in (OpenID Connect Core 1.0 §3.1.3.7, RFC 8725).

RS256 alone, by a key of the issuer that the token names; issuer, audience, expiry, issue time and a verified e-mail
address are all required. A token of another issuer or for another audience is nobody's here: the platform's own
service identities too.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from joserfc import jws, jwt
from joserfc.errors import JoseError

from shared.domain.clock import Clock
from shared.domain.errors import InvalidToken
from shared.domain.users import Identity, normal_email, user_id_of
from shared.http.signing_keys import ALGORITHM, SigningKeys

_CLOCK_SKEW_SECONDS = 60
_TOKEN_LENGTH_MAX = 8_000
_INVALID = "The token is not valid here. Sign in again."
_EXPIRED = "The token has expired. Sign in again."


_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class _Claims(msgspec.Struct, frozen=True, kw_only=True):
    """Of these types and no others: a time that is NaN would be neither past nor future."""

    iss: str
    aud: str
    sub: _Text
    email: _Text
    email_verified: bool = False
    exp: int
    iat: int
    nbf: int | None = None


class UserTokens:
    def __init__(self, keys: SigningKeys, *, issuer: str, audience: str, clock: Clock) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._clock = clock

    def identify(self, authorization: str | None) -> Identity:
        """Raises InvalidToken, and KeysUnavailable when the issuer's keys cannot be had."""
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise InvalidToken("A user's token is missing. Sign in, and send it as: Authorization: Bearer …")
        if len(token) > _TOKEN_LENGTH_MAX:
            raise InvalidToken(_INVALID)
        return self._identity(self._verified_claims(token))

    def _verified_claims(self, token: str) -> _Claims:
        try:
            header = jws.extract_compact(token.encode()).headers()
            key_id = header.get("kid")
            if header.get("alg") != ALGORITHM or not isinstance(key_id, str):
                raise InvalidToken(_INVALID)
            key = self._keys.find(key_id)
            if key is None:
                raise InvalidToken(_INVALID)
            return msgspec.convert(jwt.decode(token, key, algorithms=[ALGORITHM]).claims, _Claims)
        except (JoseError, ValueError, TypeError, RecursionError):
            raise InvalidToken(_INVALID) from None

    def _identity(self, claims: _Claims) -> Identity:
        now = self._clock.now().timestamp()
        if claims.iss != self._issuer or claims.aud != self._audience:
            raise InvalidToken(_INVALID)
        if claims.exp <= now:
            raise InvalidToken(_EXPIRED)
        if max(claims.iat, claims.nbf or 0) > now + _CLOCK_SKEW_SECONDS:
            raise InvalidToken(_INVALID)
        if not claims.email_verified:
            raise InvalidToken("Your e-mail address is not verified yet. Verify it, and sign in again.")
        return Identity(
            user_id=user_id_of(issuer=self._issuer, subject=claims.sub),
            subject=claims.sub,
            email=normal_email(claims.email),
        )
