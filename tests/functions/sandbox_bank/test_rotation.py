"""Refresh tokens: one use each, and forgiveness for answers that got lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from flask import Flask

from tests.functions.sandbox_bank.conftest import MovableClock
from tests.functions.sandbox_bank.tpp import Connection, Tpp
from xs2a_bank.records import Grant, Token
from xs2a_bank.secret_values import fingerprint

BANK = "erste-hr"


def next_token(tpp: Tpp, refresh_token: str) -> str | None:
    """None where the bank refuses."""
    reply = tpp.refresh(BANK, refresh_token)
    if reply.status_code == 200:
        return str(reply.get_json()["refresh_token"])
    assert (reply.status_code, reply.get_json()["error"]) == (400, "invalid_grant")
    return None


def is_over(tpp: Tpp, connection: Connection) -> bool:
    return tpp.read(connection, "/v1/accounts").status_code == 401


@pytest.mark.parametrize("generation", [1, 2])
def test_a_lost_answer_is_given_again_and_its_token_is_dead(tpp: Tpp, generation: int) -> None:
    connection = tpp.connect(BANK)
    token = connection.refresh_token
    for _ in range(generation - 1):
        token = tpp.refresh(BANK, token).get_json()["refresh_token"]
    lost = next_token(tpp, token)
    kept = tpp.refresh(BANK, token).get_json()
    assert lost is not None
    assert len({token, lost, kept["refresh_token"]}) == 3
    assert not is_over(tpp, connection)
    following = next_token(tpp, kept["refresh_token"])
    assert following is not None
    assert next_token(tpp, lost) is None
    assert is_over(tpp, connection)
    assert next_token(tpp, following) is None


def test_several_answers_may_get_lost_for_a_minute_after_the_first(tpp: Tpp, clock: MovableClock) -> None:
    connection = tpp.connect(BANK)
    answers = set()
    for seconds in (0, 30, 30):
        clock.move(seconds=seconds)
        answers.add(next_token(tpp, connection.refresh_token))
    assert len(answers) == 3
    assert None not in answers
    clock.move(seconds=1)
    assert next_token(tpp, connection.refresh_token) is None
    assert is_over(tpp, connection)


def test_a_retry_after_the_successor_was_used_ends_the_family(tpp: Tpp) -> None:
    connection = tpp.connect(BANK)
    second = next_token(tpp, connection.refresh_token)
    assert second is not None
    third = next_token(tpp, second)
    assert third is not None
    assert next_token(tpp, connection.refresh_token) is None
    assert next_token(tpp, third) is None
    assert is_over(tpp, connection)


def test_a_lost_answers_token_ends_the_family_even_before_the_other_is_used(tpp: Tpp) -> None:
    connection = tpp.connect(BANK)
    lost = next_token(tpp, connection.refresh_token)
    kept = next_token(tpp, connection.refresh_token)
    assert lost is not None
    assert kept is not None
    assert next_token(tpp, lost) is None
    assert next_token(tpp, kept) is None


def test_of_refreshes_at_the_same_moment_one_answer_has_the_live_token(app: Flask, tpp: Tpp) -> None:
    connection = tpp.connect(BANK)

    def refresh(_: int) -> str | None:
        # Each thread has a test client of its own.
        return next_token(Tpp(app), connection.refresh_token)

    with ThreadPoolExecutor(4) as pool:
        answers = [answer for answer in pool.map(refresh, range(4)) if answer is not None]
    assert len(set(answers)) == len(answers) >= 1
    store = app.extensions["xs2a_bank"].store
    grant_id = store.get(Token, fingerprint(connection.refresh_token)).record.grant_id
    live_key = store.get(Grant, grant_id).record.live_key
    (live,) = [answer for answer in answers if fingerprint(answer) == live_key]
    assert next_token(tpp, live) is not None


@pytest.mark.parametrize("bank", [BANK, "raiffeisen-ba"])
def test_refresh_timeout_rotates_before_its_late_first_answer(
    tpp: Tpp, app: Flask, monkeypatch: pytest.MonkeyPatch, bank: str
) -> None:
    connection = tpp.connect(bank, person="refresh-timeout")
    renewed: list[Connection] = []

    def while_the_answer_is_late(seconds: float) -> None:
        assert seconds == 0.2
        renewed.append(Tpp(app).renew(connection))

    with monkeypatch.context() as patch:
        patch.setattr("xs2a_bank.faults.time", SimpleNamespace(sleep=while_the_answer_is_late))
        late = tpp.refresh(bank, connection.refresh_token)
    (retried,) = renewed
    assert late.status_code == 200
    assert tpp.renew(retried).refresh_token
    assert tpp.refresh(bank, late.get_json()["refresh_token"]).status_code == 400
