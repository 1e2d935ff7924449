"""Firestore's messages, from its own descriptors, without the client library that they come with.

To import google-cloud-firestore takes longer than all else that a read function starts with; the descriptors alone take
under a millisecond. They are in a pool of their own, so that a process may load the library too: the pools' classes
differ, what they send does not.
"""

from __future__ import annotations

import base64
import zlib
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from shared.gcp.firestore_descriptors import FILE_DESCRIPTOR_SET

_POOL = DescriptorPool()
for _file in FileDescriptorSet.FromString(zlib.decompress(base64.b64decode(FILE_DESCRIPTOR_SET))).file:
    _POOL.AddSerializedFile(_file.SerializeToString())


def _message(name: str) -> Any:
    return GetMessageClass(_POOL.FindMessageTypeByName(f"google.firestore.v1.{name}"))


BatchGetDocumentsRequest = _message("BatchGetDocumentsRequest")
BatchGetDocumentsResponse = _message("BatchGetDocumentsResponse")
RunQueryRequest = _message("RunQueryRequest")
RunQueryResponse = _message("RunQueryResponse")
CommitRequest = _message("CommitRequest")
CommitResponse = _message("CommitResponse")
CompositeFilter = _message("StructuredQuery.CompositeFilter")
FieldFilter = _message("StructuredQuery.FieldFilter")
StructuredQuery = _message("StructuredQuery")
