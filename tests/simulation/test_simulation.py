"""A part of the simulation with every run of the suite. `make simulate` goes on from there."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.simulation.simulate import Report, simulate

_ROOT = Path(__file__).parents[2]
_SEEDS_EACH = 18


def run_seeds(first: int, count: int) -> Report:
    report = Report()
    for seed in range(first, first + count):
        run = simulate(seed)
        report.add(run)
        if run.violations:
            pytest.fail(run.describe())
    return report


def record(report: Report, record_property: Callable[[str, object], None]) -> None:
    for name in ("runs", "deliveries", "faults"):
        record_property(f"simulation {name}", getattr(report, name))


@pytest.mark.parametrize("first", range(1, 1 + 5 * _SEEDS_EACH, _SEEDS_EACH))
def test_nothing_is_lost_doubled_renamed_overspent_or_leaked(
    first: int, record_property: Callable[[str, object], None]
) -> None:
    report = run_seeds(first, _SEEDS_EACH)
    assert report.faults * 10 >= report.deliveries, "the weather is too fine to show anything"
    record(report, record_property)


def test_nor_with_seeds_that_nobody_chose(record_property: Callable[[str, object], None]) -> None:
    """`TOK_SIMULATION_SEED=…` repeats what failed."""
    first = int(os.environ.get("TOK_SIMULATION_SEED") or secrets.randbelow(2**32))
    print(f"make simulate SEED={first} RUNS={_SEEDS_EACH}")
    record(run_seeds(first, _SEEDS_EACH), record_property)


def test_a_seed_replays_exactly() -> None:
    here = [simulate(seed).hash for seed in (3, 4)]
    assert here == [simulate(seed).hash for seed in (3, 4)]
    assert here[0] != here[1]
    elsewhere = subprocess.run(
        [sys.executable, "-c", "from tests.simulation.simulate import simulate\n"
         "print(simulate(3).hash, simulate(4).hash)"],
        env={**os.environ, "PYTHONHASHSEED": "7"}, cwd=_ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert elsewhere.stdout.split() == here
