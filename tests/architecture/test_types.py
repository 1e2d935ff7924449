"""`make check-types` checks every file of the product, and none by an accident of names."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
MYPY = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
RECIPE = re.search(r"^check-types: setup\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)


def python_files(folder: str) -> set[str]:
    return {path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*.py")}


def test_every_file_of_the_product_is_checked() -> None:
    assert RECIPE is not None
    commands = [line.strip() for line in RECIPE[1].splitlines()]
    assert commands[0] == "$(PYTHON) -m mypy"
    alone = {file for command in commands[1:] for file in re.findall(r"-m mypy (\S+)$", command)}
    product = {
        file for folder in ("shared", "localcloud", "infra", "functions") for file in python_files(folder)
    }
    left_out = {file for file in product for pattern in MYPY.get("exclude", []) if re.search(pattern, file)}

    assert {"shared", "localcloud", "infra", "functions"} <= set(MYPY["files"])
    assert left_out == alone
    assert MYPY["strict"] is True
    assert "follow_imports" not in MYPY
    assert not [one for one in MYPY.get("overrides", []) if one.keys() - {"module", "ignore_missing_imports"}]
