"""Field transforms: applied in their order, each one seeing what the last one left."""

from __future__ import annotations

from google.protobuf.struct_pb2 import NULL_VALUE

from localcloud.firestore.errors import invalid
from localcloud.firestore.field_paths import get_field, parse_field_path, set_field
from localcloud.firestore.messages import Document, FieldTransform, Value
from localcloud.firestore.values import is_number, number_of, timestamp, value_key

_INTEGER_MIN, _INTEGER_MAX = -(2**63), 2**63 - 1
_NUMERIC = ("increment", "maximum", "minimum")
_REQUEST_TIME = 1


def apply_transform(document: Document, transform: FieldTransform, *, commit_ns: int) -> Value:
    """Change the document's field; answers the transform's result as the API sends it back."""
    path = parse_field_path(transform.field_path)
    kind = transform.WhichOneof("transform_type")
    current = get_field(document.fields, path)
    if kind == "set_to_server_value":
        if transform.set_to_server_value != _REQUEST_TIME:
            raise invalid("set_to_server_value must be REQUEST_TIME.")
        # The proto promises millisecond precision for this value alone.
        new = Value(timestamp_value=timestamp(commit_ns // 10**6 * 10**6))
        result = new
    elif kind in _NUMERIC:
        new = _numeric(kind, current, getattr(transform, kind))
        result = new
    elif kind in ("append_missing_elements", "remove_all_from_array"):
        new = _array(kind, current, getattr(transform, kind).values)
        result = Value(null_value=NULL_VALUE)
    else:
        raise invalid("A field transform names no transformation.")
    set_field(document.fields, path, new)
    return result


def _numeric(kind: str, current: Value | None, operand: Value) -> Value:
    if not is_number(operand):
        raise invalid(f"The operand of {kind} must be an integer or a double.")
    new = Value()
    if current is None or not is_number(current):
        new.CopyFrom(operand)
        return new
    stored, given = number_of(current), number_of(operand)
    if kind == "increment":
        total = stored + given
        if isinstance(total, int):
            new.integer_value = max(_INTEGER_MIN, min(_INTEGER_MAX, total))
        else:
            new.double_value = total
        return new
    if stored != stored or given != given:
        new.double_value = float("nan")
        return new
    keeps = stored >= given if kind == "maximum" else stored <= given
    new.CopyFrom(current if keeps else operand)
    return new


def _array(kind: str, current: Value | None, operands: list[Value]) -> Value:
    new = Value()
    new.array_value.SetInParent()
    stored = (
        current.array_value.values
        if current is not None and current.WhichOneof("value_type") == "array_value"
        else ()
    )
    if kind == "remove_all_from_array":
        removed = {value_key(operand) for operand in operands}
        new.array_value.values.extend(x for x in stored if value_key(x) not in removed)
        return new
    new.array_value.values.extend(stored)
    present = {value_key(x) for x in stored}
    for operand in operands:
        key = value_key(operand)
        if key not in present:
            present.add(key)
            new.array_value.values.append(operand)
    return new
