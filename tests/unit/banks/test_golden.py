from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from shared.banks import registry
from tests.unit.banks.golden_cases import CASES, FOLDER, Case
from tests.unit.banks.regenerate import main


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_golden(case: Case) -> None:
    assert case.read() == case.golden()


def test_every_bank_has_every_case() -> None:
    calls = {"accounts", "balances", "transactions_booked", "transactions_pending"}
    for module in registry._MODULES:
        files = (FOLDER / module.PROFILE.id).glob("*.golden.json")
        assert {file.name.removesuffix(".golden.json") for file in files} >= calls


def test_regenerating_overwrites_only_when_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = FOLDER / "erste-hr" / "balances.input.json"
    folder = tmp_path / "erste-hr"
    folder.mkdir()
    case = Case(Path(shutil.copy(source, folder)))
    assert main([], cases=(case,)) == 0
    assert case.golden() == Case(source).golden()

    case.golden_file.write_text("[]\n")
    assert main([], cases=(case,)) == 1
    assert case.golden() == []
    assert "differs, left alone: erste-hr/balances" in capsys.readouterr().out

    assert main(["--overwrite"], cases=(case,)) == 0
    assert case.golden() == Case(source).golden()
