"""Who signed in, and which organisation they act in.

Read anew for every request: a user who is removed or given another role is so at once.
"""

from __future__ import annotations

from typing import Protocol

from shared.domain.errors import Invalid, NotFound
from shared.domain.ids import is_id
from shared.domain.organisations import Organisation
from shared.domain.users import Identity, User
from shared.http.api import ORGANISATION_HEADER
from shared.http.call import Member
from shared.http.user_tokens import UserTokens


class Memberships(Protocol):
    def organisations_of(self, user_id: str) -> list[str]: ...

    def find_user(self, organisation_id: str, user_id: str) -> User | None: ...

    def find(self, organisation_id: str) -> Organisation | None: ...


class UserAuthenticator:
    def __init__(self, tokens: UserTokens, memberships: Memberships) -> None:
        self._tokens = tokens
        self._memberships = memberships

    def authenticate(self, authorization: str | None) -> Identity:
        return self._tokens.identify(authorization)

    def member_of(self, identity: Identity, organisation_id: str | None) -> Member:
        if organisation_id is None:
            organisation_id = self._only_organisation(identity)
        user = organisation = None
        if is_id("org", organisation_id):
            user = self._memberships.find_user(organisation_id, identity.user_id)
            organisation = self._memberships.find(organisation_id)
        if user is None or organisation is None:
            raise NotFound("There is no such organisation.")
        return Member(
            organisation_id=organisation_id, user_id=user.id, role=user.role, tier=organisation.tier
        )

    def _only_organisation(self, identity: Identity) -> str:
        known = self._memberships.organisations_of(identity.user_id)
        if not known:
            raise NotFound("You belong to no organisation. Create one, or accept an invitation.")
        if len(known) > 1:
            raise Invalid(ORGANISATION_HEADER, "is required: you belong to several organisations")
        return known[0]
