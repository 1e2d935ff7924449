"""Every bundle boots in an environment of its own requirements alone, and loads no more than it may."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.bundled import HEALTH_PATH, Bundle, first_answer, unpack
from tests.architecture.import_budget import forbidden_at_start

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS: dict[str, Any] = yaml.safe_load((ROOT / "functions/manifest.yaml").read_text())["functions"]

# The framework's own loading of the function, and one request, in one process that can be asked what it loaded.
ASK = """
import json, sys
from functions_framework import create_app
reply = create_app("main", "main.py", "http").test_client().get(sys.argv[1], headers=json.loads(sys.argv[2]))
print(json.dumps([reply.status_code, sorted(sys.modules), sys.modules["main"].__file__, sys.path]))
"""


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_bundle_boots_and_answers_its_health_path(function: str, tmp_path: Path) -> None:
    made = unpack(function, tmp_path)

    answered = first_answer(made)

    assert (answered.status, json.loads(answered.body)) == (200, {"status": "ok"})
    _loads_no_more_than_it_may(made, FUNCTIONS[function])


def _loads_no_more_than_it_may(made: Bundle, entry: dict[str, Any]) -> None:
    done = subprocess.run(
        [made.commands / "python", "-P", "-c", ASK, HEALTH_PATH, json.dumps(made.headers)],
        cwd=made.source,
        env=made.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    status, modules, main, path = json.loads(done.stdout.splitlines()[-1])
    assert status == 200
    assert main == str(made.source / "main.py")
    assert str(ROOT) not in path
    assert "shared.settings" in modules or "shared.gcp.clients" in modules
    heavy = forbidden_at_start(entry)
    assert {"httpx", "localcloud"} <= set(heavy)
    assert [module for module in heavy if module in modules] == []


def test_the_health_path_is_neither_cloud_runs_nor_the_clients() -> None:
    """Cloud Run keeps /eventlog, /_ah/… and some paths that end in z for itself; the gateway serves /v1 alone."""
    assert not HEALTH_PATH.endswith("z")
    assert not HEALTH_PATH.startswith(("/_ah/", "/eventlog", "/v1"))


def test_a_bundle_without_a_module_that_it_needs_does_not_boot(tmp_path: Path) -> None:
    """Else the test above would pass on this machine's own copy of shared/."""
    made = unpack("accounts", tmp_path)
    (made.source / "shared/gcp/account_store.py").unlink()

    done = subprocess.run(
        [made.commands / "python", "-P", "-c", ASK, HEALTH_PATH, "{}"],
        cwd=made.source,
        env=made.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode != 0
    assert "shared.gcp.account_store" in done.stderr
