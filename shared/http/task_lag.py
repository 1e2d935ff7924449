"""How late Cloud Tasks called: `X-CloudTasks-TaskETA` is when the task was to run, as Unix seconds with a fraction."""

from __future__ import annotations

from datetime import datetime

TASK_ETA = "X-CloudTasks-TaskETA"


def lag_seconds(eta: str | None, *, now: datetime) -> float | None:
    """Never below 0; None where the header is missing or is not a number: it measures, and decides nothing."""
    try:
        due = float(eta or "")
    except ValueError:
        return None
    late = now.timestamp() - due
    return round(max(late, 0.0), 3) if late < float("inf") else None
