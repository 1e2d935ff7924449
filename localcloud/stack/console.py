"""How the stack speaks to a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_TAIL_LINES = 25


def table(rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()) -> str:
    """Columns under the first row's headings; those in `right` are aligned to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "  ".join("─" * width for width in widths), *lines[1:]])


def shorten(text: str, *, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def tail(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return "(no log)"
    return "\n".join(lines[-_TAIL_LINES:])
