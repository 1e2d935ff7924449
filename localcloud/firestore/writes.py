"""One write: its precondition, its new document, its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grpc import StatusCode

from localcloud.firestore.errors import FirestoreError, invalid, not_found
from localcloud.firestore.field_paths import delete_field, get_field, parse_field_path, set_field
from localcloud.firestore.limits import check_document
from localcloud.firestore.messages import Document, Message, Write, WriteResult
from localcloud.firestore.transforms import apply_transform
from localcloud.firestore.values import timestamp, timestamp_ns


@dataclass(frozen=True, slots=True)
class Outcome:
    """The document after the write (None: deleted) and what the API answers for it."""

    document: Document | None
    result: WriteResult


def write_name(write: Write) -> str:
    """The name of the document that the write is about."""
    operation = write.WhichOneof("operation")
    if operation == "update":
        return str(write.update.name)
    if operation == "delete":
        return str(write.delete)
    if operation == "transform":
        return str(write.transform.document)
    raise invalid("A write names no operation.")


def check_precondition(precondition: Message, *, name: str, current: Document | None) -> None:
    """Refuse the write unless the stored document is as the client expects."""
    condition = precondition.WhichOneof("condition_type")
    if condition == "exists" and precondition.exists and current is None:
        raise not_found(f"No document to update: {name}")
    if condition == "exists" and not precondition.exists and current is not None:
        raise FirestoreError(StatusCode.ALREADY_EXISTS, f"Document already exists: {name}")
    if condition == "update_time":
        expected = timestamp_ns(precondition.update_time)
        if current is None or timestamp_ns(current.update_time) != expected:
            raise FirestoreError(
                StatusCode.FAILED_PRECONDITION,
                f"The stored version of {name} does not match the required base version.",
            )


def check_sequence(names: Sequence[str], writes: Sequence[Write]) -> None:
    """Refuse a commit in which a write's precondition contradicts an earlier write of the same document."""
    exists: dict[str, bool] = {}
    for name, write in zip(names, writes, strict=True):
        condition = write.current_document
        known = exists.get(name)
        if condition.WhichOneof("condition_type") == "exists" and known not in (None, condition.exists):
            raise invalid(f"The precondition on {name} contradicts an earlier write of the same request.")
        exists[name] = write.WhichOneof("operation") != "delete"


def apply_write(write: Write, *, name: str, current: Document | None, commit_ns: int) -> Outcome:
    """What the write makes of the current document; neither argument is changed."""
    check_precondition(write.current_document, name=name, current=current)
    result = WriteResult()
    if write.WhichOneof("operation") == "delete":
        return Outcome(document=None, result=result)
    new = Document()
    if write.WhichOneof("operation") == "transform":
        transforms = write.transform.field_transforms
        if current is not None:
            new.CopyFrom(current)
    else:
        transforms = write.update_transforms
        _merge(write, new=new, current=current)
    new.name = name
    for transform in transforms:
        result.transform_results.append(apply_transform(new, transform, commit_ns=commit_ns))
    check_document(new)
    if current is not None and new.fields == current.fields:
        # A write that changes nothing keeps the update time, as the API's WriteResult promises.
        result.update_time.CopyFrom(current.update_time)
        return Outcome(document=current, result=result)
    now = timestamp(commit_ns)
    new.create_time.CopyFrom(now if current is None else current.create_time)
    new.update_time.CopyFrom(now)
    result.update_time.CopyFrom(now)
    return Outcome(document=new, result=result)


def _merge(write: Write, *, new: Document, current: Document | None) -> None:
    if not write.HasField("update_mask"):
        new.CopyFrom(write.update)
        return
    if current is not None:
        new.CopyFrom(current)
    for text in write.update_mask.field_paths:
        path = parse_field_path(text)
        value = get_field(write.update.fields, path)
        if value is None:
            delete_field(new.fields, path)
        else:
            set_field(new.fields, path, value)
