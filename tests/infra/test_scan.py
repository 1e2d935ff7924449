"""What the scans make of what their tools say, above all when a tool did nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra import scan
from infra.scan import main, scan_all
from shared.domain.api_keys import generate_key

TOOL = """#!{python}
import sys
from pathlib import Path
here = Path({folder!r})
with (here / "asked").open("a") as asked:
    asked.write(Path(sys.argv[0]).name + " " + " ".join(sys.argv[1:]) + "\\n")
print((here / (Path(sys.argv[0]).name + ".out")).read_text(), end="")
print((here / (Path(sys.argv[0]).name + ".err")).read_text(), end="", file=sys.stderr)
"""
CLEAN = {
    "pip-audit": {"dependencies": [{"name": "flask", "version": "3.1.3", "vulns": []}], "fixes": []},
    "detect-secrets": {"results": {}},
    "checkov": {"summary": {"passed": 3, "failed": 0, "parsing_errors": 0}, "results": {"failed_checks": []}},
}


class Tools:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, said in CLEAN.items():
            (folder / name).write_text(TOOL.format(python=sys.executable, folder=str(folder)))
            (folder / name).chmod(0o755)
            self.says(name, json.dumps(said))

    def says(self, name: str, text: str, *, error: str = "") -> None:
        (self.folder / f"{name}.out").write_text(text)
        (self.folder / f"{name}.err").write_text(error)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", folder], check=True)
    (folder / "notes.txt").write_text("nothing")
    return folder


@pytest.fixture
def tools(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setattr(scan, "_ROOT", root)
    monkeypatch.setattr(scan.scan_all, "__kwdefaults__", {"root": root, "tools": folder})
    return Tools(folder)


def test_all_clean(tools: Tools, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--strict"]) == 0
    assert capsys.readouterr().out == "clean  dependencies\nclean  secrets\nclean  terraform\n"


def test_a_vulnerability_is_found(tools: Tools, capsys: pytest.CaptureFixture[str]) -> None:
    vulnerable = {
        "name": "flask",
        "version": "3.1.3",
        "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.1.4"], "aliases": []}],
    }
    tools.says("pip-audit", json.dumps({"dependencies": [vulnerable]}))

    assert main(["dependencies"]) == 1
    assert "flask 3.1.3: PYSEC-1, fixed in 3.1.4" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("", "requests.exceptions.ConnectionError: pypi.org"),
        (json.dumps({"dependencies": [{"name": "flask", "skip_reason": "not found on PyPI"}]}), ""),
    ],
)
def test_a_vulnerability_service_out_of_reach_is_no_all_clear(
    tools: Tools, capsys: pytest.CaptureFixture[str], said: str, error: str
) -> None:
    tools.says("pip-audit", said, error=error)

    assert main(["dependencies"]) == 0
    told = capsys.readouterr().out
    assert "NOT DONE  dependencies" in told
    assert "no all-clear" in told
    assert "clean  dependencies" not in told
    assert main(["--strict", "dependencies"]) == 2


def test_a_secret_is_found_in_a_file_that_git_would_add(
    tools: Tools, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tools.says(
        "detect-secrets",
        json.dumps({"results": {"notes.txt": [{"line_number": 7, "type": "Private Key"}]}}),
    )

    assert main(["secrets"]) == 1
    assert "notes.txt:7: Private Key" in capsys.readouterr().out
    assert (tools.folder / "asked").read_text().endswith("notes.txt\n")


def test_toks_own_key_is_found_and_not_printed(
    tools: Tools, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = generate_key("live")
    example = key[:-1] + ("0" if key[-1] != "0" else "1")
    (root / "notes.txt").write_text(f"{example}\nkey = {key}\n")

    assert main(["secrets"]) == 1
    told = capsys.readouterr().out
    assert "notes.txt:2: a Tok API key" in told
    assert "notes.txt:1" not in told, "what has no right checksum is no key"
    assert key not in told


def test_unsafe_infrastructure_is_found(tools: Tools, capsys: pytest.CaptureFixture[str]) -> None:
    check = {
        "check_id": "CKV_GCP_62",
        "check_name": "Bucket should log access",
        "resource": "google_storage_bucket.bundles",
        "file_path": "/bundles.tf",
        "file_line_range": [2, 30],
    }
    said = {"summary": {"passed": 3, "parsing_errors": 0}, "results": {"failed_checks": [check]}}
    tools.says("checkov", json.dumps(said))

    assert main(["terraform"]) == 1
    assert "infra/terraform/bundles.tf:2: CKV_GCP_62" in capsys.readouterr().out


@pytest.mark.parametrize(
    "said",
    [
        "",
        "[]",
        json.dumps({"passed": 0, "failed": 0}),
        json.dumps({"summary": {"passed": 1, "parsing_errors": 2}}),
    ],
)
def test_checkov_that_checked_nothing_is_no_all_clear(tools: Tools, said: str) -> None:
    tools.says("checkov", said)

    assert main(["--strict", "terraform"]) == 2


def test_a_tool_that_is_missing_is_told(tools: Tools) -> None:
    (tools.folder / "checkov").unlink()

    undone = scan_all(["terraform"])[0].undone

    assert "checkov" in undone


def test_the_requirements_that_are_scanned_hold_every_functions_pins() -> None:
    repository = Path(__file__).resolve().parents[2]
    scanned = "".join((repository / name).read_text() for name in scan._REQUIREMENTS)
    for requirements in (repository / "functions").glob("*/requirements.txt"):
        for line in requirements.read_text().splitlines():
            if "==" in line:
                assert line.rstrip("\\ ") in scanned
