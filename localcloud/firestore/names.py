"""Resource names: projects/{project}/databases/{database}/documents/{collection}/{id}/…"""

from __future__ import annotations

import re
from functools import lru_cache

from localcloud.firestore.errors import invalid

ID_MAX_BYTES = 1500
NAME_MAX_BYTES = 6144
SUBCOLLECTION_DEPTH_MAX = 100

_DATABASE = re.compile(r"projects/[^/]+/databases/[^/]+")
_RESERVED = re.compile(r"__.*__", re.DOTALL)


def database_of(name: str) -> str:
    """The database's name: the first four segments of any resource name in it."""
    database = "/".join(name.split("/", 4)[:4])
    if not _DATABASE.fullmatch(database):
        raise invalid(f'"{name}" is not inside projects/{{project}}/databases/{{database}}.')
    return database


def collection_of(name: str) -> str:
    """The path of the collection that holds the document."""
    return name.rpartition("/")[0]


def collection_id_of(collection: str) -> str:
    """The last segment of a collection's path."""
    return collection.rpartition("/")[2]


def check_segment(segment: str) -> None:
    """https://firebase.google.com/docs/firestore/quotas#collections_documents_and_fields"""
    if not segment or segment in (".", "..") or _RESERVED.fullmatch(segment):
        raise invalid(f'Resource id "{segment}" is invalid because it is empty, a dot path or reserved.')
    if len(segment.encode()) > ID_MAX_BYTES:
        raise invalid(f"Resource id is longer than {ID_MAX_BYTES} bytes.")


@lru_cache(65536)
def check_document_name(name: str) -> str:
    """Refuse what is not a document's full name; answers its database."""
    database = database_of(name)
    root, _, path = name[len(database) + 1 :].partition("/")
    segments = path.split("/")
    if root != "documents" or len(segments) % 2:
        raise invalid(f'Document name "{name}" lacks "/documents/" or has an odd number of segments.')
    for segment in segments:
        check_segment(segment)
    if len(segments) > 2 * SUBCOLLECTION_DEPTH_MAX:
        raise invalid(f"Subcollections are deeper than {SUBCOLLECTION_DEPTH_MAX}.")
    if len(name.encode()) > NAME_MAX_BYTES:
        raise invalid(f"Document name is longer than {NAME_MAX_BYTES} bytes.")
    return database


def check_parent(parent: str) -> str:
    """Refuse what is neither a database's root nor a document; answers its database."""
    database = database_of(parent)
    if parent != f"{database}/documents":
        check_document_name(parent)
    return database
