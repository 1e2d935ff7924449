from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from localcloud.stack.folder import StackFolder, StackRunning


def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    folder = StackFolder(tmp_path / "state")
    folder.take()

    folder.write("secrets.json", {"a": 1})
    folder.write("secrets.json", {"a": 2})

    assert folder.read("secrets.json") == {"a": 2}
    assert (folder.path / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in folder.path.iterdir()) == ["held", "lock", "logs", "secrets.json"]


def test_a_file_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert StackFolder(tmp_path).read("ports.json") == {}


def test_a_second_stack_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from localcloud.stack.folder import StackFolder;"
        "StackFolder(Path(sys.argv[1])).take(); print('taken', flush=True); sys.stdin.read()"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=Path(__file__).resolve().parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert first.stdout is not None
    assert first.stdout.readline() == b"taken\n"

    with pytest.raises(StackRunning, match=f"already runs on {tmp_path} .process {first.pid}."):
        StackFolder(tmp_path).take()

    first.kill()
    first.communicate()
    StackFolder(tmp_path).take()


def test_clearing_removes_a_stacks_folder_and_no_other(tmp_path: Path) -> None:
    ours, other = StackFolder(tmp_path / "ours"), StackFolder(tmp_path / "other")
    for folder in (ours, other):
        folder.take()
    ours.write("ports.json", {})
    (other.path / "thesis.txt").write_text("years of work")

    ours.clear()
    with pytest.raises(ValueError, match=r"no folder of a stack"):
        other.clear()

    assert not ours.path.exists()
    assert (other.path / "thesis.txt").exists()
