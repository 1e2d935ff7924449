"""Firestore's messages are those of the library that is pinned."""

from __future__ import annotations

import base64
import zlib

from google.cloud.firestore_v1.types import document as library
from google.cloud.firestore_v1.types import firestore as requests
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from infra.firestore_descriptors import WRITTEN, descriptors, module
from shared.gcp import firestore_messages as messages
from shared.gcp.firestore_descriptors import FILE_DESCRIPTOR_SET


def packed(source: str) -> FileDescriptorSet:
    names: dict[str, bytes] = {}
    exec(source, names)
    return FileDescriptorSet.FromString(zlib.decompress(base64.b64decode(names["FILE_DESCRIPTOR_SET"])))


def test_they_are_as_the_pinned_library_declares_them() -> None:
    """Else: make firestore-descriptors."""
    written = FileDescriptorSet.FromString(zlib.decompress(base64.b64decode(FILE_DESCRIPTOR_SET)))
    assert written == descriptors()


def test_the_written_module_is_the_generated_one() -> None:
    """But for its compression, which zlib's versions do differently."""
    assert packed(WRITTEN.read_text()) == packed(module())
    assert WRITTEN.read_text().partition("(")[0] == module().partition("(")[0]


def test_what_one_sends_the_other_reads() -> None:
    value = library.Value(map_value={"fields": {"at": {"timestamp_value": {"seconds": 5, "nanos": 7}}}})
    sent = requests.CommitRequest(
        database="projects/p/databases/d", writes=[{"update": {"name": "x", "fields": {"a": value}}}]
    )
    bytes_sent = requests.CommitRequest.serialize(sent)
    read = messages.CommitRequest.FromString(bytes_sent)
    assert read.writes[0].update.fields["a"].map_value.fields["at"].timestamp_value.nanos == 7
    assert requests.CommitRequest.deserialize(read.SerializeToString()) == sent
