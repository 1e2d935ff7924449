"""How a model bank shows what it has: one seed's."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from tests.simulation.kernel import DAY, HOUR, MINUTE
from tests.simulation.ledger import Habits, draw_habits


@dataclass
class Manners:
    """How a bank behaves; one seed's."""

    ids: Literal["stable", "changed_when_booked", "missing", "daily", "positional", "shared"]
    """daily: counted anew each booking day, so reused; positional: the place in the statement, so shifting; shared: a
    movement and its look-alike have the same (never twins: nobody could tell them from one row shown twice)."""
    references: bool
    """A stable entry reference beside the id."""
    text_changes_when_booked: bool
    oldest_first: bool
    page_size: int
    snapshot_paging: bool
    """A listing's later pages show what its first page saw; otherwise they shift when something is booked."""
    pending_lag_us: int
    """How long a booked movement is still listed as pending."""
    refresh: Literal["kept", "rotating", "rotating_tolerant"]
    """tolerant: the last refresh token may be used again until its successor was."""
    token_life_us: int
    unattended_limit: int
    enforces_limit: bool
    balances: Literal["interim", "closing", "both"]
    """closing: of the last working day, with what was booked late on it or before."""
    habits: Habits


def draw_manners(rng: random.Random) -> Manners:
    ids = rng.choice(("stable", "stable", "changed_when_booked", "missing", "daily", "positional", "shared"))
    trusted = ids in ("stable", "changed_when_booked")
    habits = draw_habits(rng)
    text_changes = trusted and rng.random() < 0.3
    if ids == "changed_when_booked" and text_changes:
        # With neither id nor text, the amount is all that is left to know an entry by.
        habits.look_alikes = 0.0
    return Manners(
        ids=ids,
        references=trusted and rng.random() < 0.3,
        text_changes_when_booked=text_changes,
        oldest_first=rng.random() < 0.5,
        page_size=rng.choice((10, 20, 100, 100)),
        snapshot_paging=not trusted or rng.random() < 0.3,
        # With another id, what is listed twice might as well be two.
        pending_lag_us=rng.choice((0, 5 * MINUTE, 7 * HOUR)) if ids == "stable" else 0,
        refresh=rng.choice(("kept", "rotating", "rotating_tolerant", "rotating_tolerant")),
        token_life_us=rng.choice((5 * MINUTE, HOUR, DAY)),
        unattended_limit=rng.choice((4, 4, 2, 6)),
        enforces_limit=rng.random() < 0.7,
        balances=rng.choice(("interim", "interim", "closing", "both")),
        habits=habits,
    )
