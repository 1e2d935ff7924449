from __future__ import annotations

from datetime import UTC, datetime

import hypothesis.strategies as st
from hypothesis import given

from shared.domain.api_keys import key_from
from shared.domain.effects import effect_from, new_effect
from shared.domain.ids import first_id, is_id, timed_id
from shared.domain.invitations import invitation_token, is_invitation_token
from shared.domain.key_format import environment_of

moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)).map(
    lambda at: at.replace(tzinfo=UTC, microsecond=at.microsecond // 1000 * 1000)
)


@given(moments)
def test_an_effect_done_again_makes_the_same_ids_and_secrets(at: datetime) -> None:
    effect = new_effect(at=at)
    again = effect_from(effect.effect_id)
    assert again == effect
    assert effect.new_id("key", "live") == again.new_id("key", "live")
    assert is_id("key", effect.new_id("key", "live"))
    assert effect.entropy("a", key=b"k") == again.entropy("a", key=b"k")
    made = {
        effect.new_id("key", "live"),
        effect.new_id("key", "sandbox"),
        new_effect(at=at).new_id("key", "live"),
    }
    assert len(made) == 3
    entropies = {
        effect.entropy("a", key=b"k"),
        effect.entropy("b", key=b"k"),
        effect.entropy("a", key=b"other"),
        new_effect(at=at).entropy("a", key=b"k"),
    }
    assert len(entropies) == 4


@given(st.binary(min_size=64, max_size=64))
def test_secrets_have_their_form(entropy: bytes) -> None:
    assert environment_of(key_from("live", entropy=entropy)) == "live"
    assert environment_of(key_from("sandbox", entropy=entropy)) == "sandbox"
    assert is_invitation_token(invitation_token(entropy))


@given(moments, moments, st.text(max_size=5), st.text(max_size=5))
def test_ids_sort_by_their_time(first: datetime, second: datetime, one: str, other: str) -> None:
    a, b = timed_id("aud", one, at=first), timed_id("aud", other, at=second)
    if first < second:
        assert a < b
    assert (a >= first_id("aud", at=second)) == (first >= second)
