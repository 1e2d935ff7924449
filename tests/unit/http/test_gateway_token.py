from __future__ import annotations

import base64
import json
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from shared.domain.errors import Forbidden
from shared.http.gateway_token import require_invoker

GATEWAY = "gateway@tok.iam.gserviceaccount.com"


def token(**claims: Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"Bearer e30.{payload}.SIGNATURE_REMOVED_BY_GOOGLE"


def test_the_gateways_token_is_taken() -> None:
    require_invoker(token(email=GATEWAY, email_verified=True), invokers=("other@x", GATEWAY))


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "ApiKey tok_live_x",
        "Bearer a.b",
        "Bearer a.%%%.c",
        "Bearer a.bm90IGpzb24.c",
        "Bearer a.W10.c",
        token(email=GATEWAY),
        token(email=GATEWAY, email_verified=False),
        token(email="worker@tok.iam.gserviceaccount.com", email_verified=True),
        token(email=["a"], email_verified=True),
        token(email_verified=True),
    ],
)
def test_anything_else_is_forbidden(authorization: str | None) -> None:
    with pytest.raises(Forbidden):
        require_invoker(authorization, invokers=(GATEWAY,))


@given(st.text())
def test_no_header_is_more_than_forbidden(authorization: str) -> None:
    with pytest.raises(Forbidden):
        require_invoker(authorization, invokers=(GATEWAY,))
