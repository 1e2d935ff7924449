"""Google's token service on this machine: identity tokens from the metadata server's path, and the keys to check them.

Shapes: cloud.google.com/compute/docs/instances/verifying-instance-identity and accounts.google.com's OpenID
configuration.
"""

from __future__ import annotations

import hashlib
import re
import time

from aiohttp import web
from joserfc import jwt

from localcloud.identity.keys import SigningKeys

TOKEN_LIFE_SECONDS = 3600

_EMAIL = re.compile(r"[^@\s/]+@[^@\s/]+")
_FLAVOR = {"Metadata-Flavor": "Google"}


class IdentityServer:
    """`default_email` is whom the account name `default` means, as the metadata server has it."""

    def __init__(self, keys: SigningKeys, *, issuer: str, base_url: str, default_email: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._base_url = base_url
        self._default_email = default_email

    def application(self) -> web.Application:
        application = web.Application()
        account = "/computeMetadata/v1/instance/service-accounts/{email}"
        application.router.add_get("/", self.ping)
        application.router.add_get(f"{account}/", self.account)
        application.router.add_get(f"{account}/identity", self.identity)
        application.router.add_get("/.well-known/openid-configuration", self.configuration)
        application.router.add_get("/oauth2/v3/certs", self.certificates)
        return application

    async def ping(self, _request: web.Request) -> web.Response:
        return web.Response(text="computeMetadata/\n", headers=_FLAVOR)

    async def account(self, request: web.Request) -> web.Response:
        """Google's client libraries ask who `default` is before they ask for a token."""
        email = self._asked_email(request)
        return web.json_response({"aliases": ["default"], "email": email, "scopes": []}, headers=_FLAVOR)

    async def identity(self, request: web.Request) -> web.Response:
        email, audience = self._asked_email(request), request.query.get("audience", "")
        if not audience:
            raise web.HTTPBadRequest(text="non-empty audience parameter required", headers=_FLAVOR)
        return web.Response(text=self.token(email=email, audience=audience), headers=_FLAVOR)

    async def configuration(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self._issuer,
                "jwks_uri": f"{self._base_url}/oauth2/v3/certs",
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "claims_supported": ["aud", "azp", "email", "email_verified", "exp", "iat", "iss", "sub"],
            }
        )

    async def certificates(self, _request: web.Request) -> web.Response:
        return web.json_response(
            self._keys.public_jwks(), headers={"Cache-Control": "public, max-age=3600, must-revalidate"}
        )

    def _asked_email(self, request: web.Request) -> str:
        # A browser cannot be tricked into sending this header across origins; that is what it is for.
        if request.headers.get("Metadata-Flavor") != "Google":
            raise web.HTTPForbidden(text="Missing Metadata-Flavor:Google header.", headers=_FLAVOR)
        email = request.match_info["email"]
        if email == "default":
            return self._default_email
        if not _EMAIL.fullmatch(email):
            raise web.HTTPNotFound(text="No such service account.", headers=_FLAVOR)
        return email

    def token(self, *, email: str, audience: str) -> str:
        key = self._keys.signing_key()
        now, subject = int(time.time()), _subject(email)
        claims = {
            "iss": self._issuer,
            "aud": audience,
            "sub": subject,
            "azp": subject,
            "email": email,
            "email_verified": True,
            "iat": now,
            "exp": now + TOKEN_LIFE_SECONDS,
        }
        return jwt.encode({"alg": "RS256", "kid": key.kid, "typ": "JWT"}, claims, key)


def _subject(email: str) -> str:
    """A service account's unique id: 21 digits, the same for the same address."""
    digest = int.from_bytes(hashlib.sha256(email.encode()).digest())
    return f"1{digest % 10**20:020d}"
