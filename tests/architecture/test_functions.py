"""Each function is a folder and an entry in the manifest, and imports no other.

That it loads no more than it needs is seen where its bundle boots (tests/infra/test_bundles_boot.py).
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MANIFEST = yaml.safe_load((ROOT / "functions" / "manifest.yaml").read_text())
NAMES = sorted(MANIFEST["functions"])
ENVIRONMENT = {
    "TOK_ENVIRONMENT": "sandbox",
    "TOK_PROJECT": "tok-test",
    "TOK_INVOKERS": "gateway@tok-test",
    "TOK_PUBLIC_URL": "http://127.0.0.1/v1",
    "TOK_SIGNING_KEY": "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=",
    "TOK_BANK_CLIENTS": "{}",
    "TOK_SANDBOX_BANK_URL": "http://127.0.0.1:1",
    "TOK_KMS_KEY": "projects/p/locations/l/keyRings/r/cryptoKeys/k",
    "TOK_SYNC_QUEUE": "projects/p/locations/l/queues/sync",
    "TOK_SYNC_CONSENT_URL": "http://127.0.0.1:1/",
    "TOK_DISPATCH_QUEUE": "projects/p/locations/l/queues/dispatch",
    "TOK_SYNC_SHARD_URL": "http://127.0.0.1:1/",
    "TOK_TASKS_SERVICE_ACCOUNT": "tasks@tok-test",
    "TOK_USER_ISSUER": "http://127.0.0.1:1/users",
    "TOK_USER_AUDIENCE": "tok-test",
    "TOK_USER_JWKS_URL": "http://127.0.0.1:1/users/certs",
    "TOK_PORTAL_URL": "https://portal.example",
    "FIRESTORE_EMULATOR_HOST": "127.0.0.1:1",
}


def test_every_folder_is_in_the_manifest_and_every_entry_has_its_folder() -> None:
    folders = {path.parent.name for path in (ROOT / "functions").glob("*/main.py")}
    assert folders == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_function_has_pinned_and_hashed_requirements(name: str) -> None:
    direct = (ROOT / "functions" / name / "requirements.in").read_text().split()
    pinned = (ROOT / "functions" / name / "requirements.txt").read_text()
    locked = (ROOT / "requirements" / "dev.txt").read_text()
    assert "functions-framework" in direct
    for line in pinned.splitlines():
        if line and not line.startswith((" ", "#")):
            assert "==" in line
            assert line.rstrip("\\ ") in locked, f"{name} would run {line}, which the tests do not run with"
    assert pinned.count("--hash=sha256:") >= pinned.count("==")


@pytest.mark.parametrize("name", NAMES)
def test_functions_import_neither_each_other_nor_this_machine(name: str) -> None:
    own = {path.stem for path in (ROOT / "functions" / name).iterdir()}
    for path in (ROOT / "functions" / name).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for imported in names:
                top = imported.partition(".")[0]
                assert top not in {"functions", "localcloud", "infra", "tests"}, f"{path}: {imported}"
                assert top in own or top not in NAMES, f"{path}: {imported}"


@pytest.mark.parametrize("missing", ["TOK_ENVIRONMENT", "TOK_SIGNING_KEY", "TOK_INVOKERS"])
def test_a_missing_setting_stops_the_function_at_start_and_is_named(missing: str) -> None:
    environment = {key: value for key, value in ENVIRONMENT.items() if key != missing}
    done = subprocess.run(
        [sys.executable, "-c", "import main"],
        cwd=ROOT / "functions" / "accounts",
        env=environment | {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    assert missing in done.stderr


def test_the_sandboxs_own_function_does_not_start_in_live() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import main"],
        cwd=ROOT / "functions" / "sandbox",
        env=ENVIRONMENT | {"TOK_ENVIRONMENT": "live", "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    assert "sandbox only" in done.stderr
    assert MANIFEST["functions"]["sandbox"]["environments"] == ["sandbox"]


def test_no_installed_package_would_win_over_shared() -> None:
    """functions-framework appends the source folder to sys.path: an installed `shared` would come first."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", "import importlib.util; print(importlib.util.find_spec('shared'))"],
        env={"PATH": os.environ["PATH"]},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "None"
