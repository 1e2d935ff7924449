from __future__ import annotations

from pathlib import Path

from localcloud.stack.console import shorten, table, tail


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table([["Name", "Sum"], ["Žanić", "1.00"], ["B", "10.00"]], right=frozenset({1})).splitlines() == [
        "Name     Sum",
        "─────  ─────",
        "Žanić   1.00",
        "B      10.00",
    ]


def test_long_texts_end_with_an_ellipsis() -> None:
    assert shorten("Gradska plinara", length=9) == "Gradska…"
    assert shorten("Konzum", length=6) == "Konzum"


def test_a_log_is_told_by_its_end(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("\n".join(str(number) for number in range(100)))

    assert tail(log).splitlines()[-1] == "99"
    assert len(tail(log).splitlines()) == 25
    assert tail(tmp_path / "none.log") == "(no log)"
