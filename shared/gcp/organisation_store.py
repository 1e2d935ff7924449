"""Organisations and their users, in the control plane. What changes an organisation or its users is fenced by the
organisation's update time, and carries its audit entries in the same commit."""

from __future__ import annotations

import re
from collections.abc import Sequence

from google.cloud import firestore

from shared.domain.audit import AuditEntry
from shared.domain.organisations import Organisation
from shared.domain.users import Roster, User
from shared.gcp import paths
from shared.gcp.audit_store import add_entries
from shared.gcp.documents import from_document, stale_write_on_conflict, to_document
from shared.gcp.key_store import add_key
from shared.gcp.roster_fence import fence
from shared.use_cases.control_plane import NewKey, NewMember, StoredMemberships, StoredRoster

_NAMES_A_DOCUMENT = re.compile(r"(?!__.*__$)[A-Za-z0-9_:@|-][A-Za-z0-9_.:@|-]*")
"""Subjects that may be an id in Firestore: Identity Platform's all are. Others read nothing by firestore.rules."""


class OrganisationStore:
    def __init__(self, control: firestore.Client) -> None:
        self._control = control

    def find(self, organisation_id: str) -> Organisation | None:
        snapshot = self._control.document(paths.organisation(organisation_id)).get()
        return from_document(snapshot.to_dict(), Organisation) if snapshot.exists else None

    def find_user(self, organisation_id: str, user_id: str) -> User | None:
        snapshot = self._control.document(paths.user(organisation_id, user_id)).get()
        return from_document(snapshot.to_dict(), User) if snapshot.exists else None

    def organisations_of(self, user_id: str) -> list[str]:
        """Ids, oldest first."""
        return sorted(self.memberships(user_id).organisation_ids)

    def memberships(self, user_id: str) -> StoredMemberships:
        snapshot = self._control.document(paths.membership(user_id)).get()
        if not snapshot.exists:
            return StoredMemberships(organisation_ids=frozenset(), version=None)
        return StoredMemberships(
            organisation_ids=frozenset(snapshot.get("organisationIds")), version=snapshot.update_time
        )

    def list_users(self, organisation_id: str, *, limit: int, before: str | None) -> list[User]:
        """By descending id, `before` an id."""
        collection = self._control.collection(paths.users(organisation_id))
        query = collection.order_by("id", direction=firestore.Query.DESCENDING).limit(limit)
        if before is not None:
            query = query.start_after({"id": before})
        return [from_document(snapshot.to_dict(), User) for snapshot in query.stream()]

    def found(
        self,
        organisation: Organisation,
        *,
        owner: NewMember | None,
        keys: Sequence[NewKey],
        entries: Sequence[AuditEntry],
    ) -> None:
        batch = self._control.batch()
        batch.create(self._control.document(paths.organisation(organisation.id)), to_document(organisation))
        if owner is not None:
            add_user(batch, self._control, organisation.id, owner)
        for key in keys:
            add_key(batch, self._control, organisation.id, key)
        add_entries(batch, self._control, entries)
        with stale_write_on_conflict():
            batch.commit()

    def roster(self, organisation_id: str) -> StoredRoster | None:
        """The organisation is read before its users: a change of either after that makes a write stale."""
        snapshot = self._control.document(paths.organisation(organisation_id)).get()
        if not snapshot.exists:
            return None
        users = (
            from_document(user.to_dict(), User)
            for user in self._control.collection(paths.users(organisation_id)).stream()
        )
        return StoredRoster(
            roster=Roster(
                organisation=from_document(snapshot.to_dict(), Organisation),
                users={user.id: user for user in users},
            ),
            version=snapshot.update_time,
        )

    def save(
        self, organisation: Organisation, *, replacing: StoredRoster, entries: Sequence[AuditEntry]
    ) -> Organisation:
        batch = self._control.batch()
        saved = fence(batch, self._control, replacing, organisation)
        add_entries(batch, self._control, entries)
        with stale_write_on_conflict():
            batch.commit()
        return saved

    def save_user(self, user: User, *, replacing: StoredRoster, entries: Sequence[AuditEntry]) -> None:
        organisation = replacing.roster.organisation
        batch = self._control.batch()
        fence(batch, self._control, replacing, organisation)
        batch.set(self._control.document(paths.user(organisation.id, user.id)), to_document(user))
        add_entries(batch, self._control, entries)
        with stale_write_on_conflict():
            batch.commit()

    def remove_user(self, user: User, *, replacing: StoredRoster, entries: Sequence[AuditEntry]) -> None:
        organisation = replacing.roster.organisation
        batch = self._control.batch()
        fence(batch, self._control, replacing, organisation)
        batch.delete(self._control.document(paths.user(organisation.id, user.id)))
        batch.set(
            self._control.document(paths.membership(user.id)),
            {"organisationIds": firestore.ArrayRemove([organisation.id])},
            merge=True,
        )
        add_entries(batch, self._control, entries)
        with stale_write_on_conflict():
            batch.commit()


def add_user(
    batch: firestore.WriteBatch, control: firestore.Client, organisation_id: str, member: NewMember
) -> None:
    user, memberships = member.user, member.memberships
    batch.create(control.document(paths.user(organisation_id, user.id)), to_document(user))
    membership = control.document(paths.membership(user.id))
    known = {"organisationIds": sorted({*memberships.organisation_ids, organisation_id})}
    if memberships.version is None:
        batch.create(membership, known)
    else:
        batch.update(membership, known, option=control.write_option(last_update_time=memberships.version))
    if user.subject is not None and _NAMES_A_DOCUMENT.fullmatch(user.subject):
        batch.set(control.document(paths.sign_in(user.subject)), {"userId": user.id})
