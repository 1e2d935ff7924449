"""10,000 callbacks that are not the bank's answer to what was asked: none is accepted, and none spoils the real one."""

from __future__ import annotations

import random
import string
from datetime import timedelta

import pytest

from localcloud.firestore.engine import Engine
from localcloud.firestore.in_process import InProcessChannel, in_process_client
from shared.domain.errors import TokError
from shared.domain.oauth_states import hash_state
from tests.fakes.bank import ISSUER
from tests.unit.use_cases.conftest import World
from tests.unit.use_cases.test_consents import complete, start

MUTATIONS = 10_000
PARTS = 4


@pytest.mark.parametrize("part", range(PARTS))
def test_no_mutated_callback_is_accepted(part: int) -> None:
    world = World(in_process_client(InProcessChannel(Engine()), project="tok", database="sandbox"))
    chance = random.Random(part)
    real = [start(world) for _ in range(3)]
    used = start(world)
    complete(world, used.state)
    late = start(world)
    world.clock.move(timedelta(minutes=9))
    real = [start(world) for _ in range(3)]
    world.clock.move(timedelta(minutes=2))
    world.bank.calls.clear()
    accepted = 0
    for _ in range(MUTATIONS // PARTS):
        state, issuer = _mutated(chance, real=[each.state for each in real], dead=[used.state, late.state])
        try:
            complete(world, state, issuer=issuer)
            accepted += 1
        except TokError:
            continue
    assert accepted == 0
    assert world.bank.calls == []
    for each in real:
        assert world.consent(each.consent).status == "pending"
        assert complete(world, each.state).status == "active"


def _mutated(chance: random.Random, *, real: list[str], dead: list[str]) -> tuple[str, str | None]:
    state = chance.choice(real)
    position = chance.randrange(len(state))
    letter = chance.choice([each for each in string.printable if each != state[position]])
    match chance.randrange(8):
        case 0:
            return state[:position] + letter + state[position + 1 :], ISSUER
        case 1:
            return state[:position] + state[position + 1 :], ISSUER
        case 2:
            return state + letter, ISSUER
        case 3:
            return hash_state(state), ISSUER
        case 4:
            return chance.choice(dead), ISSUER
        case 5:
            return state, chance.choice(
                [None, "", ISSUER + "/", ISSUER.upper(), "https://other.example", "null"]
            )
        case 6:
            other = chance.choice(real)
            return state[: len(state) // 2] + other[len(other) // 2 :] + (
                "" if other != state else "x"
            ), ISSUER
        case _:
            return "".join(chance.choices(string.ascii_letters + string.digits + "-_", k=43)), ISSUER
