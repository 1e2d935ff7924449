"""Identity Platform on this machine: people who sign in to the developer portal, with an issuer and keys of their own.

A token of a service is none of a user, and the other way round: issuer, audience and signing keys all differ. Nobody's
password is asked for: whoever reaches loopback may be anyone, as with the rest of the local platform.
Shapes: firebase.google.com/docs/auth/admin/verify-id-tokens and identitytoolkit's accounts:signInWithPassword.
"""

from __future__ import annotations

import hashlib
import json
import re
import time

from aiohttp import web
from joserfc import jwt

from localcloud.identity import ISSUER_PATH
from localcloud.identity.keys import SigningKeys

USER_TOKEN_LIFE_SECONDS = 3600

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


class UserSignIn:
    def __init__(self, keys: SigningKeys, *, base_url: str, audience: str) -> None:
        self._keys = keys
        self._issuer = base_url + ISSUER_PATH
        self._audience = audience

    def add_routes(self, application: web.Application) -> None:
        application.router.add_post(f"{ISSUER_PATH}/sign-in", self.sign_in)
        application.router.add_get(f"{ISSUER_PATH}/.well-known/openid-configuration", self.configuration)
        application.router.add_get(f"{ISSUER_PATH}/certs", self.certificates)

    async def sign_in(self, request: web.Request) -> web.Response:
        """{"email": …, "emailVerified": true} to {"idToken": …, "expiresIn": "3600"}."""
        # A page of another origin cannot send this type without asking first (CORS), and is not answered.
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="the body is application/json")
        try:
            asked = await request.json()
        except (json.JSONDecodeError, UnicodeDecodeError):
            asked = None
        email = asked.get("email") if isinstance(asked, dict) else None
        verified = asked.get("emailVerified", True) if isinstance(asked, dict) else None
        if not isinstance(email, str) or not _EMAIL.fullmatch(email) or not isinstance(verified, bool):
            raise web.HTTPBadRequest(text='the body is {"email": "name@example.com"}')
        token = self.token(email=email.lower(), email_verified=verified)
        return web.json_response({"idToken": token, "expiresIn": str(USER_TOKEN_LIFE_SECONDS)})

    async def configuration(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self._issuer,
                "jwks_uri": f"{self._issuer}/certs",
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    async def certificates(self, _request: web.Request) -> web.Response:
        return web.json_response(
            self._keys.public_jwks(), headers={"Cache-Control": "public, max-age=3600, must-revalidate"}
        )

    def token(self, *, email: str, email_verified: bool) -> str:
        key = self._keys.signing_key()
        now, subject = int(time.time()), _subject(email)
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "auth_time": now,
            "user_id": subject,
            "sub": subject,
            "iat": now,
            "exp": now + USER_TOKEN_LIFE_SECONDS,
            "email": email,
            "email_verified": email_verified,
            "firebase": {"identities": {"email": [email]}, "sign_in_provider": "password"},
        }
        return jwt.encode({"alg": "RS256", "kid": key.kid, "typ": "JWT"}, claims, key)


def _subject(email: str) -> str:
    """28 characters, as Identity Platform gives; the same for the same address."""
    return hashlib.sha256(b"user:" + email.encode()).hexdigest()[:28]
