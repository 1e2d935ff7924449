from __future__ import annotations

import re

from shared.domain.keys import derive_key
from shared.domain.oauth_states import code_challenge, code_verifier, hash_state, new_state


def test_rfc_7636_appendix_b() -> None:
    assert code_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == (
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )


def test_a_verifier_belongs_to_its_state_and_key() -> None:
    state, key = new_state(), derive_key(b"k" * 32, purpose="pkce")
    verifier = code_verifier(state, key=key)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43,128}", verifier)
    assert code_verifier(state, key=key) == verifier
    assert code_verifier(new_state(), key=key) != verifier
    assert code_verifier(state, key=derive_key(b"k" * 32, purpose="cursors")) != verifier


def test_what_is_stored_does_not_give_the_state() -> None:
    state = new_state()
    assert len(state) >= 43
    assert state not in hash_state(state)
