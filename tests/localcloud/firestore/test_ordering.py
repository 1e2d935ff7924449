"""Laws of the order of values."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from localcloud.firestore.messages import Value
from localcloud.firestore.values import name_order, value_key

_scalars = st.one_of(
    st.just(Value(null_value=0)),
    st.booleans().map(lambda x: Value(boolean_value=x)),
    st.integers(-(2**63), 2**63 - 1).map(lambda x: Value(integer_value=x)),
    st.floats().map(lambda x: Value(double_value=x)),
    st.integers(-(2**31), 2**31).map(lambda x: Value(timestamp_value={"seconds": x})),
    st.text(max_size=5).map(lambda x: Value(string_value=x)),
    st.binary(max_size=5).map(lambda x: Value(bytes_value=x)),
    st.from_regex(r"projects/p/databases/d/documents/[a-c!-.]{1,3}/[a-c!-.]{1,3}", fullmatch=True).map(
        lambda x: Value(reference_value=x)
    ),
    st.tuples(st.floats(-90, 90), st.floats(-180, 180)).map(
        lambda x: Value(geo_point_value={"latitude": x[0], "longitude": x[1]})
    ),
)


def _array(values: list[Any]) -> Any:
    value = Value()
    value.array_value.SetInParent()
    value.array_value.values.extend(values)
    return value


def _map(fields: dict[str, Any]) -> Any:
    value = Value()
    value.map_value.SetInParent()
    for name, field in fields.items():
        value.map_value.fields[name].CopyFrom(field)
    return value


values = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(_array),
        st.dictionaries(st.text(max_size=3), inner, max_size=3).map(_map),
    ),
    max_leaves=6,
)
# https://firebase.google.com/docs/firestore/manage-data/data-types#value_type_ordering
_TYPES = [
    Value(null_value=0),
    Value(boolean_value=True),
    Value(double_value=math.inf),
    Value(timestamp_value={"seconds": 2**31}),
    Value(string_value="\U0010ffff"),
    Value(bytes_value=b"\xff\xff"),
    Value(reference_value="projects/z/databases/z/documents/z/z"),
    Value(geo_point_value={"latitude": 90.0, "longitude": 180.0}),
    _array([Value(string_value="\U0010ffff")]),
    _map({"__type__": Value(string_value="__vector__"), "value": _array([Value(double_value=1.0)])}),
    _map({}),
]


@given(values, values, values)
def test_total_order(one: Any, two: Any, three: Any) -> None:
    a, b, c = value_key(one), value_key(two), value_key(three)
    assert (a < b) + (a == b) + (a > b) == 1
    assert not (a <= b <= c) or a <= c


@given(values)
def test_a_value_equals_itself_and_its_copy(value: Any) -> None:
    assert value_key(value) == value_key(Value.FromString(value.SerializeToString()))


def test_types_in_their_order() -> None:
    keys = [value_key(value) for value in _TYPES]
    assert keys == sorted(keys)
    assert len({key[0] for key in keys}) == len(keys)


@given(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False))
def test_integers_and_doubles_mix_exactly(integer: int, double: float) -> None:
    left, right = value_key(Value(integer_value=integer)), value_key(Value(double_value=double))
    assert (left < right, left == right) == (integer < double, integer == double)


@given(st.floats(allow_nan=False))
def test_nan_is_before_every_number(double: float) -> None:
    assert value_key(Value(double_value=math.nan)) < value_key(Value(double_value=double))


@given(st.text(), st.text())
def test_text_sorts_by_its_utf8(one: str, two: str) -> None:
    in_bytes = one.encode() < two.encode()
    assert (value_key(Value(string_value=one)) < value_key(Value(string_value=two))) == in_bytes


_segments = st.lists(
    st.text(st.characters(exclude_characters="/", codec="utf-8"), min_size=1, max_size=4), max_size=5
)


@given(_segments, _segments)
def test_names_sort_by_segments(one: list[str], two: list[str]) -> None:
    left, right = name_order("/".join(["r", *one])), name_order("/".join(["r", *two]))
    assert (left < right, left == right) == (one < two, one == two)


@given(st.lists(values, max_size=3), st.lists(values, min_size=1, max_size=2))
def test_a_prefix_sorts_before_the_longer_array(prefix: list[Any], rest: list[Any]) -> None:
    assert value_key(_array(prefix)) < value_key(_array(prefix + rest))
