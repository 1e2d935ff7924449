from __future__ import annotations

from typing import Literal

import hypothesis.strategies as st
import pytest
from hypothesis import given

from shared.domain.callback_urls import require_callback_url, with_parameters
from shared.domain.errors import Invalid

REGISTERED = ("https://app.bilko.io",)


@pytest.mark.parametrize("url", ["https://app.bilko.io/banking/callback", "https://APP.bilko.io:443/x?a=1"])
@pytest.mark.parametrize("environment", ["live", "sandbox"])
def test_a_registered_origin_is_taken(url: str, environment: Literal["live", "sandbox"]) -> None:
    require_callback_url(url, environment=environment, registered_origins=REGISTERED)


@pytest.mark.parametrize("url", ["http://127.0.0.1:5000/cb", "http://localhost/cb", "http://[::1]:3000/cb"])
def test_loopback_is_for_the_sandbox_only(url: str) -> None:
    require_callback_url(url, environment="sandbox", registered_origins=REGISTERED)
    with pytest.raises(Invalid):
        require_callback_url(url, environment="live", registered_origins=REGISTERED)


def test_a_new_organisation_can_try_the_sandbox_but_not_live() -> None:
    url = "https://anywhere.example/cb"
    require_callback_url(url, environment="sandbox", registered_origins=())
    with pytest.raises(Invalid):
        require_callback_url(url, environment="live", registered_origins=())


@pytest.mark.parametrize(
    "url",
    [
        "",
        "callback",
        "//app.bilko.io/cb",
        "https://",
        "https:///cb",
        "http://app.bilko.io/cb",
        "javascript:alert(1)",
        "https://app.bilko.io.evil.example/cb",
        "https://app.bilko.io@evil.example/cb",
        "https://user:pass@app.bilko.io/cb",  # pragma: allowlist secret
        "https://app.bilko.io:8443/cb",
        "https://app.bilko.io\\@evil.example/cb",
        "https://app.bilko.io/cb#fragment",
        "https://app.bilko.io/\r\nSet-Cookie: a=b",
        "https://app.bilko.io/ cb",
        "https://app.bilko.io:port/cb",
        "https://[::1/cb",
        "https://app.bilko.io/" + "x" * 2048,
        "https://žabac.example/cb",
    ],
)
@pytest.mark.parametrize("environment", ["live", "sandbox"])
def test_anything_else_is_refused(url: str, environment: Literal["live", "sandbox"]) -> None:
    with pytest.raises(Invalid) as refusal:
        require_callback_url(url, environment=environment, registered_origins=REGISTERED)
    assert refusal.value.field == "callbackUrl"


@given(st.text(max_size=60))
def test_no_text_is_more_than_refused(url: str) -> None:
    try:
        require_callback_url(url, environment="sandbox", registered_origins=())
    except Invalid as refusal:
        assert refusal.field == "callbackUrl"


def test_parameters_join_what_the_client_put_there() -> None:
    assert with_parameters("https://a.example/cb?x=1", {"status": "active", "state": "č&="}) == (
        "https://a.example/cb?x=1&status=active&state=%C4%8D%26%3D"
    )
    assert (
        with_parameters("https://a.example/cb", {"status": "active"}) == "https://a.example/cb?status=active"
    )
