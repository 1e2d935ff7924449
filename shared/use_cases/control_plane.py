"""What use cases of the control plane need of the world outside. The adapters are in shared.gcp.

Every write takes the audit entries that tell of it, and commits them with the change or not at all. A write that
names what it is `replacing` raises StaleWrite when that has changed since.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

import msgspec

from shared.domain.api_keys import ApiKey, KeyDetails
from shared.domain.audit import AuditEntry
from shared.domain.errors import Conflict, StaleWrite
from shared.domain.invitations import Invitation
from shared.domain.key_format import Environment
from shared.domain.organisations import Organisation
from shared.domain.users import Roster, User

Version = object
T = TypeVar("T")
_ATTEMPTS = 10


class StoredRoster(msgspec.Struct, frozen=True, kw_only=True):
    roster: Roster
    version: Version
    """The organisation's. Every change of its users, and every new key, changes it too: it fences the whole roster."""


class StoredMemberships(msgspec.Struct, frozen=True, kw_only=True):
    organisation_ids: frozenset[str]
    version: Version | None
    """None for a person who belongs to no organisation yet. It fences how many they belong to."""


class NewMember(msgspec.Struct, frozen=True, kw_only=True):
    user: User
    memberships: StoredMemberships
    """As they were when it was decided that there is room for one more."""


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    details: KeyDetails
    key_hash: str

    def looked_up(self, organisation_id: str) -> ApiKey:
        """What requests find by the hash."""
        return ApiKey(
            id=self.details.id,
            organisation_id=organisation_id,
            environment=self.details.environment,
            expires_at=self.details.expires_at,
        )


class StoredKey(msgspec.Struct, frozen=True, kw_only=True):
    details: KeyDetails
    version: Version


class StoredInvitation(msgspec.Struct, frozen=True, kw_only=True):
    invitation: Invitation
    version: Version


class Letter(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An e-mail that waits to be sent; `sealed_token` is opened by whoever sends it, with its environment's key."""

    id: str
    environment: Environment
    kind: str
    to: str
    sealed_token: bytes
    created_at: datetime
    delete_at: datetime


class Organisations(Protocol):
    def found(
        self,
        organisation: Organisation,
        *,
        owner: NewMember | None,
        keys: Sequence[NewKey],
        entries: Sequence[AuditEntry],
    ) -> None: ...

    def memberships(self, user_id: str) -> StoredMemberships: ...

    def roster(self, organisation_id: str) -> StoredRoster | None: ...

    def save(
        self, organisation: Organisation, *, replacing: StoredRoster, entries: Sequence[AuditEntry]
    ) -> Organisation: ...

    def save_user(self, user: User, *, replacing: StoredRoster, entries: Sequence[AuditEntry]) -> None: ...

    def remove_user(self, user: User, *, replacing: StoredRoster, entries: Sequence[AuditEntry]) -> None: ...


class Keys(Protocol):
    def list(self, organisation_id: str, *, limit: int, before: str | None) -> list[KeyDetails]:
        """Newest first, `before` an id."""
        ...

    def find(self, organisation_id: str, key_id: str) -> StoredKey | None: ...

    def create(self, key: NewKey, *, roster: StoredRoster, entries: Sequence[AuditEntry]) -> None:
        """Fenced by `roster`, whose organisation's the key is."""
        ...

    def replace(
        self,
        organisation_id: str,
        key: KeyDetails,
        *,
        replacing: StoredKey,
        successor: NewKey | None = None,
        roster: StoredRoster | None = None,
        entries: Sequence[AuditEntry],
    ) -> None:
        """One commit: what is shown of the key, what requests find, and its successor if it has one. Fenced by
        `roster` too where it makes a key; ending one is nobody's to prevent."""
        ...


class Invitations(Protocol):
    def list(self, organisation_id: str, *, limit: int, before: str | None) -> list[Invitation]: ...

    def find(self, organisation_id: str, invitation_id: str) -> StoredInvitation | None: ...

    def find_by_hash(self, token_hash: str) -> StoredInvitation | None: ...

    def create(
        self, invitation: Invitation, *, token_hash: str, letter: Letter, entries: Sequence[AuditEntry]
    ) -> bool:
        """False when it was there already."""
        ...

    def withdraw(
        self, invitation: Invitation, *, replacing: StoredInvitation, entries: Sequence[AuditEntry]
    ) -> None: ...

    def accept(
        self,
        invitation: Invitation,
        *,
        replacing: StoredInvitation,
        member: NewMember,
        roster: StoredRoster,
        entries: Sequence[AuditEntry],
    ) -> None:
        """One commit: the invitation is used, and the user is in the organisation."""
        ...


def until_it_holds(attempt: Callable[[], T]) -> T:
    """Again from its reading when someone else was faster. Raises Conflict when that happens ten times in a row."""
    for _ in range(_ATTEMPTS):
        try:
            return attempt()
        except StaleWrite:
            continue
    raise Conflict("Too many changes at the same time. Nothing was changed; try again.")
