from __future__ import annotations

import pytest

from shared.domain.callback_urls import require_callback_url, require_origin
from shared.domain.errors import Invalid


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://app.bilko.io", "https://app.bilko.io"),
        ("HTTPS://App.Bilko.IO/", "https://app.bilko.io"),
        ("https://app.bilko.io:443", "https://app.bilko.io"),
        ("https://app.bilko.io:8443", "https://app.bilko.io:8443"),
        ("https://[2001:DB8::1]", "https://[2001:db8::1]"),
        ("http://localhost:3000/", "http://localhost:3000"),
        ("http://127.0.0.1:80", "http://127.0.0.1"),
        ("http://[::1]:3000", "http://[::1]:3000"),
    ],
)
def test_an_origin_has_one_form(given: str, kept: str) -> None:
    assert require_origin(given, field="callbackOrigins") == kept
    assert require_origin(kept, field="callbackOrigins") == kept


@pytest.mark.parametrize(
    "given",
    [
        *[
            "",
            " ",
            "app.bilko.io",
            "//app.bilko.io",
            "https://",
            "https://app.bilko.io/x",
            "https://app.bilko.io?x",
        ],
        *["https://app.bilko.io#x", "https://u:p@app.bilko.io", "http://app.bilko.io", "http://10.0.0.1"],
        *[
            "ftp://localhost",
            "https://app.bilko.io:0",
            "https://app.bilko.io:x",
            "https://čaj.hr",
            "*",
            "null",
        ],
        *[
            "https://a b.io",
            "https://app.bilko.io\\@evil.io",
            "javascript:alert(1)",
            "https://" + "x" * 3_000,
        ],
    ],
)
def test_what_is_no_origin(given: str) -> None:
    with pytest.raises(Invalid) as refusal:
        require_origin(given, field="callbackOrigins")
    assert refusal.value.field == "callbackOrigins"


def test_loopback_counts_in_the_sandbox_only() -> None:
    registered = ["http://localhost:3000"]
    require_callback_url("http://localhost:3000/cb", environment="sandbox", registered_origins=registered)
    with pytest.raises(Invalid):
        require_callback_url("http://localhost:3000/cb", environment="live", registered_origins=registered)
