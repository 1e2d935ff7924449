"""python -m tests.unit.banks.regenerate [--overwrite]

Writes the golden output of every case that has none. Output that differs is named and left alone, unless
--overwrite asks for it: then read the diff before it is committed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.unit.banks.golden_cases import CASES, Case


def main(arguments: list[str] | None = None, *, cases: tuple[Case, ...] = CASES) -> int:
    """The number of golden files that differ and were left alone."""
    parser = argparse.ArgumentParser(prog="python -m tests.unit.banks.regenerate", description=__doc__)
    parser.add_argument("--overwrite", action="store_true", help="replace output that differs")
    options = parser.parse_args(arguments)
    left_alone = 0
    for case in cases:
        golden = case.read()
        if case.golden_file.exists() and case.golden() == golden:
            continue
        if case.golden_file.exists() and not options.overwrite:
            sys.stdout.write(f"differs, left alone: {case.name}\n")
            left_alone += 1
            continue
        _write(case.golden_file, golden)
        sys.stdout.write(f"written: {case.name}\n")
    return left_alone


def _write(file: Path, golden: object) -> None:
    file.write_text(json.dumps(golden, ensure_ascii=False, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
