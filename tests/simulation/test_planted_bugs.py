"""The simulation finds what it is there to find: each of these breaks the product and must be seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import shared.use_cases.bank_session
import shared.use_cases.sync_account
from tests.simulation.simulate import simulate

_SEEDS = range(1, 60)


def kinds_found(wanted: str) -> Iterator[str]:
    """Kinds of violations, seed by seed, up to the first that is wanted."""
    for seed in _SEEDS:
        for violation in simulate(seed).violations:
            yield violation.kind
            if violation.kind == wanted:
                return


def test_ids_that_depend_on_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    real = shared.use_cases.sync_account.match
    calls = iter(range(1_000_000))

    def match(account_id: str, *args: Any, **options: Any) -> Any:
        return real(f"{account_id}{next(calls)}", *args, **{**options, "known": (), "pending": ()})

    monkeypatch.setattr(shared.use_cases.sync_account, "match", match)
    assert {"id changed", "doubled"} & set(kinds_found("id changed"))
