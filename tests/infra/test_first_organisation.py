from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack import ROOT, Stack


def make(stack: Stack, keys: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "infra.first_organisation", "--project", stack.info["project"]),
            *("--name", "First d.o.o.", "--tier", "free", "--keys", str(keys)),
        ],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "FIRESTORE_EMULATOR_HOST": stack.info["firestoreHost"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.stack
def test_its_sandbox_key_works_and_is_shown_to_nobody_else(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"

    done = make(stack, file)

    assert done.returncode == 0, done.stderr
    keys = json.loads(file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert keys["organisation"] in done.stdout
    assert keys["sandbox"] not in done.stdout + done.stderr
    assert keys["live"] not in done.stdout + done.stderr
    with stack.client(keys["sandbox"]) as client:
        assert client.get("/accounts").json()["data"] == []


@pytest.mark.stack
def test_keys_are_never_written_over(stack: Stack, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text("precious")

    done = make(stack, file)

    assert done.returncode == 1
    assert file.read_text() == "precious"
