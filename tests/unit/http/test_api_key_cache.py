"""A key that was revoked counts for 30 seconds more at most, in an instance that has just seen it."""

from __future__ import annotations

import msgspec
import pytest

from shared.domain.api_keys import ApiKey, generate_key, hash_key
from shared.domain.errors import InvalidApiKey
from shared.http import api_keys
from shared.http.api_keys import ApiKeyAuthenticator
from tests.fakes.clock import FakeClock

KEY = generate_key("sandbox")


class Keys:
    def __init__(self) -> None:
        self.key = ApiKey(id="key_1", organisation_id="org_1", environment="sandbox")
        self.asked = 0
        self.noted: list[str] = []

    def find(self, key_hash: str) -> ApiKey | None:
        self.asked += 1
        return self.key if key_hash == hash_key(KEY) else None

    def note(self, key: ApiKey) -> None:
        self.noted.append(key.id)


class Time:
    now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    moved = Time()
    monkeypatch.setattr(api_keys, "time", moved)
    return moved


def test_a_revoked_key_ends_within_thirty_seconds(time: Time) -> None:
    keys = Keys()
    authenticator = ApiKeyAuthenticator(keys, environment="sandbox", clock=FakeClock(), uses=keys)
    assert authenticator.authenticate(f"ApiKey {KEY}").key_id == "key_1"
    keys.key = msgspec.structs.replace(keys.key, revoked=True)
    time.now += 29.9
    authenticator.authenticate(f"ApiKey {KEY}")
    assert keys.asked == 1
    time.now += 0.1
    with pytest.raises(InvalidApiKey):
        authenticator.authenticate(f"ApiKey {KEY}")
    assert keys.noted == ["key_1", "key_1"], "a refused key was not used"


def test_a_key_that_expires_does_so_at_once(time: Time) -> None:
    keys, clock = Keys(), FakeClock()
    keys.key = msgspec.structs.replace(keys.key, expires_at=clock.now())
    authenticator = ApiKeyAuthenticator(keys, environment="sandbox", clock=clock)
    with pytest.raises(InvalidApiKey):
        authenticator.authenticate(f"ApiKey {KEY}")
