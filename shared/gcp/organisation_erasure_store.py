"""Erasing an organisation's part of the control plane, and the record that it was asked for.

The record and the audit log stay: ids and facts. The log loses the addresses that requests came from.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from google.api_core.exceptions import FailedPrecondition
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from shared.domain.audit import AuditEntry
from shared.domain.clock import Clock
from shared.domain.erasures import OrganisationErasure
from shared.domain.key_format import Environment
from shared.gcp import paths
from shared.gcp.audit_store import add_entries
from shared.gcp.documents import from_document, stale_write_on_conflict, to_document
from shared.gcp.purge import BATCH_SIZE, purge_below, purge_found
from shared.gcp.raw_firestore import RawFirestore


class OrganisationErasureStore:
    def __init__(self, control: firestore.Client, raw: RawFirestore) -> None:
        self._control = control
        self._raw = raw

    def find(self, organisation_id: str) -> OrganisationErasure | None:
        snapshot = self._control.document(paths.organisation_erasure(organisation_id)).get()
        return from_document(snapshot.to_dict(), OrganisationErasure) if snapshot.exists else None

    def open(self) -> Iterator[OrganisationErasure]:
        """Those that have not ended."""
        collection = self._control.collection(paths.organisation_erasures())
        for snapshot in collection.where(filter=FieldFilter("erasedAt", "==", None)).stream():
            yield from_document(snapshot.to_dict(), OrganisationErasure)

    def begin(self, erasure: OrganisationErasure, *, entry: AuditEntry) -> None:
        batch = self._control.batch()
        path = paths.organisation_erasure(erasure.organisation_id)
        batch.create(self._control.document(path), to_document(erasure))
        batch.update(
            self._control.document(paths.organisation(erasure.organisation_id)),
            {"status": "erasing", "revision": firestore.Increment(1)},
        )
        add_entries(batch, self._control, [entry])
        with stale_write_on_conflict():
            batch.commit()

    def close_access(self, organisation_id: str) -> None:
        usable = (
            self._control.collection(paths.api_key_hashes())
            .where(filter=FieldFilter("organisation", "==", organisation_id))
            .where(filter=FieldFilter("revoked", "==", False))
        )
        while found := list(usable.limit(BATCH_SIZE).stream()):
            batch = self._control.batch()
            for snapshot in found:
                batch.set(snapshot.reference, {"revoked": True}, merge=True)
            batch.commit()
        invitations = self._control.collection(paths.invitation_hashes()).where(
            filter=FieldFilter("organisation", "==", organisation_id)
        )
        for snapshot in invitations.stream():
            snapshot.reference.delete()

    def data_erased(self, organisation_id: str, environment: Environment) -> OrganisationErasure:
        reference = self._control.document(paths.organisation_erasure(organisation_id))
        reference.update({"waitingFor": firestore.ArrayRemove([environment])})
        return from_document(reference.get().to_dict(), OrganisationErasure)

    def purge(self, organisation_id: str, *, until: datetime, clock: Clock) -> bool:
        for user in self._control.collection(paths.users(organisation_id)).stream():
            self._leave(organisation_id, user.id, until=until, clock=clock)
        keys = self._control.collection(paths.api_key_hashes()).where(
            filter=FieldFilter("organisation", "==", organisation_id)
        )
        path = paths.organisation(organisation_id)
        if not (
            purge_found(keys, data=self._control, until=until, clock=clock)
            and self._forget_addresses(organisation_id, until=until, clock=clock)
            and purge_below(path, data=self._control, raw=self._raw, until=until, clock=clock, keep=["audit"])
        ):
            return False
        self._control.document(path).delete()
        return True

    def finish(self, erasure: OrganisationErasure, *, entry: AuditEntry) -> None:
        batch = self._control.batch()
        path = paths.organisation_erasure(erasure.organisation_id)
        batch.set(self._control.document(path), to_document(erasure))
        add_entries(batch, self._control, [entry])
        batch.commit()

    def _leave(self, organisation_id: str, user_id: str, *, until: datetime, clock: Clock) -> None:
        """A person who belongs to no other organisation is forgotten. Their user document goes last, so that a run
        after a crash finds them again."""
        membership = self._control.document(paths.membership(user_id))
        membership.set({"organisationIds": firestore.ArrayRemove([organisation_id])}, merge=True)
        left = membership.get()
        if not left.get("organisationIds"):
            self._forget_person(user_id, left, until=until, clock=clock)
        self._control.document(paths.user(organisation_id, user_id)).delete()

    def _forget_person(
        self, user_id: str, membership: firestore.DocumentSnapshot[Any], *, until: datetime, clock: Clock
    ) -> None:
        try:
            membership.reference.delete(
                option=self._control.write_option(last_update_time=membership.update_time)
            )
        except FailedPrecondition:
            return  # they have joined another one in this moment
        sign_ins = self._control.collection(paths.sign_ins()).where(
            filter=FieldFilter("userId", "==", user_id)
        )
        purge_found(sign_ins, data=self._control, until=until, clock=clock)
        path = paths.membership(user_id)
        purge_below(path, data=self._control, raw=self._raw, until=until, clock=clock)

    def _forget_addresses(self, organisation_id: str, *, until: datetime, clock: Clock) -> bool:
        known = self._control.collection(paths.audit(organisation_id)).where(
            filter=FieldFilter("ipAddress", ">", "")
        )
        while found := list(known.limit(BATCH_SIZE).stream()):
            batch = self._control.batch()
            for snapshot in found:
                batch.update(snapshot.reference, {"ipAddress": None})
            batch.commit()
            if clock.now() >= until:
                return False
        return True
