from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import hypothesis.strategies as st
import pytest
from hypothesis import assume, given

from shared.domain.api_keys import ApiKey, generate_key, hash_key
from shared.domain.key_format import environment_of

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.parametrize("environment", ["live", "sandbox"])
def test_a_generated_key_is_known_by_its_form(environment: Literal["live", "sandbox"]) -> None:
    key = generate_key(environment)
    assert key.startswith(f"tok_{environment}_")
    assert environment_of(key) == environment
    assert generate_key(environment) != key


@given(st.integers(0, 49), st.characters(codec="ascii", categories=["L", "N"]))
def test_one_mistyped_character_is_noticed_without_a_read(position: int, character: str) -> None:
    key = generate_key("sandbox")
    mistyped = key[:position] + character + key[position + 1 :]
    assume(mistyped != key)
    assert environment_of(mistyped) is None


@pytest.mark.parametrize(
    "key", ["", "tok_", "tok_live_", "tok_live_xxxxxxxxxxxxxxxxxxxx", "tok_test_x", "č" * 50]
)
def test_what_is_no_key_is_none(key: str) -> None:
    assert environment_of(key) is None


def test_only_a_hash_is_kept() -> None:
    key = generate_key("live")
    assert key not in hash_key(key)
    assert hash_key(key) == hash_key(key)


def test_a_revoked_or_expired_key_is_not_usable() -> None:
    key = ApiKey(id="key_1", organisation_id="org_1", environment="live")
    assert key.is_usable(at=NOW)
    expiring = ApiKey(id="key_1", organisation_id="org_1", environment="live", expires_at=NOW)
    assert expiring.is_usable(at=NOW - timedelta(seconds=1))
    assert not expiring.is_usable(at=NOW)
    assert not ApiKey(id="key_1", organisation_id="org_1", environment="live", revoked=True).is_usable(at=NOW)
