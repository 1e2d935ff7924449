"""The issuer's keys: kept, rotated, and never asked for in a storm."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from joserfc.jwk import RSAKey

from shared.http.signing_keys import KeysUnavailable, SigningKeys

KEYS = {name: RSAKey.generate_key(2048, parameters={"kid": name}, private=True) for name in ("one", "two")}


class Issuer:
    def __init__(self, *names: str) -> None:
        self.names = names
        self.asked = 0
        self.down = False
        self.now = 1_000.0

    def fetch(self) -> bytes:
        self.asked += 1
        if self.down:
            raise OSError
        return json.dumps({"keys": [KEYS[name].as_dict(private=False) for name in self.names]}).encode()

    def keys(self) -> SigningKeys:
        return SigningKeys(self.fetch, monotonic=lambda: self.now)


def test_keys_are_asked_for_once_and_kept_for_an_hour() -> None:
    issuer = Issuer("one")
    keys = issuer.keys()
    assert issuer.asked == 0, "nothing is asked at start"
    for _ in range(5):
        assert keys.find("one") is not None
    issuer.now += 3599
    assert keys.find("one") is not None
    assert issuer.asked == 1
    issuer.now += 2
    assert keys.find("one") is not None
    assert issuer.asked == 2


def test_an_unknown_key_is_asked_for_once_in_ten_seconds() -> None:
    issuer = Issuer("one")
    keys = issuer.keys()
    assert keys.find("one") is not None
    issuer.now += 11
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(keys.find, [f"made-up-{number}" for number in range(200)])) == {None}
    assert issuer.asked == 2
    issuer.names = ("two", "one")
    assert keys.find("two") is None
    issuer.now += 10
    assert keys.find("two") is not None
    assert issuer.asked == 3


def test_a_key_that_the_issuer_withdrew_is_gone_within_the_hour() -> None:
    issuer = Issuer("one", "two")
    keys = issuer.keys()
    assert keys.find("one") is not None
    issuer.names = ("two",)
    issuer.now += 3601
    assert keys.find("one") is None
    assert keys.find("two") is not None


def test_an_issuer_that_is_down_is_not_stormed_and_its_keys_serve_for_a_day() -> None:
    issuer = Issuer("one")
    keys = issuer.keys()
    assert keys.find("one") is not None
    issuer.down = True
    issuer.now += 3601
    for _ in range(50):
        assert keys.find("one") is not None
    assert issuer.asked == 2
    issuer.now += 24 * 3600
    with pytest.raises(KeysUnavailable):
        keys.find("one")
    issuer.down = False
    issuer.now += 10
    assert keys.find("one") is not None


def test_keys_that_were_never_had_are_said_to_be_unavailable() -> None:
    issuer = Issuer("one")
    issuer.down = True
    keys = issuer.keys()
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            keys.find("one")
    assert issuer.asked == 1
