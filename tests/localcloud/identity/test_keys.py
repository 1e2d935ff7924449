from __future__ import annotations

from pathlib import Path

from localcloud.clock import FileClock, set_clock_offset
from localcloud.identity.keys import SigningKeys

HOUR_SECONDS = 3600


def test_rotation_keeps_the_key_before_for_one_period(tmp_path: Path) -> None:
    moved = tmp_path / "clock.json"
    keys = SigningKeys(tmp_path, clock=FileClock(moved), rotate_after_seconds=HOUR_SECONDS)
    first = keys.signing_key().kid

    set_clock_offset(moved, offset_seconds=HOUR_SECONDS + 1)
    second = keys.signing_key().kid
    assert second != first
    assert [key["kid"] for key in keys.public_jwks()["keys"]] == [second, first]

    set_clock_offset(moved, offset_seconds=2 * HOUR_SECONDS + 2)
    third = keys.signing_key().kid
    assert [key["kid"] for key in keys.public_jwks()["keys"]] == [third, second]

    again = SigningKeys(tmp_path, clock=FileClock(moved), rotate_after_seconds=HOUR_SECONDS)
    assert again.public_jwks() == keys.public_jwks()
