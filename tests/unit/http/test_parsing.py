"""Query strings and bodies: every refusal names the field, and none is anything but a refusal."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import flask
import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given
from werkzeug.test import EnvironBuilder

from shared.domain.errors import Invalid, PayloadTooLarge, UnsupportedMediaType
from shared.http.body import MAX_BYTES
from shared.http.call import Call
from shared.http.query import parse_query


class Query(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    date_from: date | None = None
    limit: int = 100


class Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    bank_id: str
    psu: list[str] = []


def with_query(query: str) -> flask.Request:
    return flask.Request(EnvironBuilder(path="/", query_string=query).get_environ())


def with_body(body: bytes, content_type: str = "application/json", **environ: Any) -> flask.Request:
    built = EnvironBuilder(method="POST", path="/", input_stream=None, data=body, content_type=content_type)
    changed = built.get_environ() | environ
    return flask.Request({name: value for name, value in changed.items() if value is not None})


def parsed(request: flask.Request) -> Body:
    return Call(request, request_id="req_1", client_ip="127.0.0.1").body(Body)


def test_a_good_query_is_typed() -> None:
    assert parse_query(with_query("dateFrom=2026-01-02&limit=5"), Query) == Query(
        date_from=date(2026, 1, 2), limit=5
    )
    assert parse_query(with_query(""), Query) == Query()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("dateFrom=2026-13-01", "dateFrom"),
        ("dateFrom=", "dateFrom"),
        ("dateFrom=2026-01-01T00:00", "dateFrom"),
        ("limit=abc", "limit"),
        ("limit=", "limit"),
        ("limit=1.5", "limit"),
        ("limit=1e2", "limit"),
        ("limit=null", "limit"),
        ("limit=+1", "limit"),
        ("limit=٣", "limit"),
        ("limit=99999999999999999999999", "limit"),
        ("dateFrom=null", "dateFrom"),
        ("limit=1&limit=2", "limit"),
        ("limit=%00", "limit"),
        ("limit=%FF", "limit"),
        ("datefrom=2026-01-01", "datefrom"),
        ("a%00=1", "a?"),
    ],
)
def test_a_bad_query_names_the_parameter(query: str, field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_query(with_query(query), Query)
    assert refusal.value.field == field
    assert refusal.value.reason


@given(st.text(max_size=60))
def test_no_query_is_more_than_refused(query: str) -> None:
    try:
        parse_query(with_query(query.encode("utf-8", "surrogatepass").decode("latin-1")), Query)
    except Invalid as refusal:
        assert refusal.field


def test_a_good_body_is_typed() -> None:
    assert parsed(with_body(b'{"bankId": "erste-hr"}')) == Body(bank_id="erste-hr")
    assert parsed(with_body(b'{"bankId": "a"}', "application/json; charset=utf-8")).bank_id == "a"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"[]", "body"),
        (b'"text"', "body"),
        (b"null", "body"),
        (b"{}", "bankId"),
        (b'{"bankId": 5}', "bankId"),
        (b'{"bankId": null}', "bankId"),
        (b'{"bankId": "a", "psu": ["a", 5]}', "psu[1]"),
        (b'{"bankId": "a", "bank": 1}', "bank"),
        (b'{"bankId": "a\\u0000b"}', "bankId"),
        (b'{"bankId": "\\ud800"}', "body"),
        (b'{"bankId": "\xff"}', "body"),
        (b'{"bankId": NaN}', "body"),
        (b"[" * 100_000, "body"),
        (b'{"a":' * 40_000, "body"),
        (b'{"bankId": "a", "psu": ["\\u0001"]}', "psu"),
    ],
)
def test_a_bad_body_names_the_field(body: bytes, field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parsed(with_body(body))
    assert refusal.value.field == field
    assert refusal.value.reason


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/xml", "", "application/json; charset=utf-16"]
)
def test_another_content_type_is_refused(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        parsed(with_body(b'{"bankId": "a"}', content_type))


def test_a_body_over_the_limit_is_refused_with_and_without_its_length() -> None:
    large = json.dumps({"bankId": "x" * MAX_BYTES}).encode()
    with pytest.raises(PayloadTooLarge):
        parsed(with_body(large))
    with pytest.raises(PayloadTooLarge):
        parsed(with_body(large, CONTENT_LENGTH=None, **{"wsgi.input_terminated": True}))


def test_a_body_shorter_than_its_length_is_refused() -> None:
    with pytest.raises(Invalid):
        parsed(with_body(b'{"bankId": "a"}', CONTENT_LENGTH="99"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(json_values)
def test_no_json_is_more_than_refused(value: Any) -> None:
    try:
        parsed(with_body(json.dumps(value).encode()))
    except Invalid as refusal:
        assert refusal.field
