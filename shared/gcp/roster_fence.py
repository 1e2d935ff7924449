"""What the people of an organisation decide is written only while they are who they were when it was decided."""

from __future__ import annotations

import msgspec
from google.cloud import firestore

from shared.domain.organisations import Organisation
from shared.gcp import paths
from shared.gcp.documents import to_document
from shared.use_cases.control_plane import StoredRoster


def fence(
    batch: firestore.WriteBatch,
    control: firestore.Client,
    replacing: StoredRoster,
    organisation: Organisation,
) -> Organisation:
    """The raised revision makes it a change even where nothing else does: only a change moves the update time."""
    raised = msgspec.structs.replace(organisation, revision=replacing.roster.organisation.revision + 1)
    batch.update(
        control.document(paths.organisation(organisation.id)),
        to_document(raised),
        option=control.write_option(last_update_time=replacing.version),
    )
    return raised
