"""functions/manifest.yaml is the one list: what it names exists, and what exists is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from localcloud.stack.environments import _GROUPS

ROOT = Path(__file__).resolve().parents[2]
MANIFEST = yaml.safe_load((ROOT / "functions/manifest.yaml").read_text())
FUNCTIONS: dict[str, Any] = MANIFEST["functions"]
OPENAPI = yaml.safe_load((ROOT / "docs/api/openapi.yaml").read_text())


def test_every_folder_has_an_entry_and_every_entry_a_folder() -> None:
    folders = {
        path.name for path in (ROOT / "functions").iterdir() if path.is_dir() and path.name != "__pycache__"
    }

    assert folders == set(FUNCTIONS)
    assert all((ROOT / "functions" / name / "main.py").is_file() for name in FUNCTIONS)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_an_entry_says_all_that_the_platform_needs(name: str) -> None:
    entry = FUNCTIONS[name]

    assert entry["trigger"] in {"gateway", "scheduler", "tasks", "public"}
    assert entry["environments"]
    assert set(entry["environments"]) <= {"live", "sandbox"}
    assert entry["concurrency"] >= 8
    assert 0 <= entry["min_instances"] <= entry["max_instances"]
    assert 0 < entry["timeout_seconds"] <= (600 if entry["trigger"] == "gateway" else 1800)
    assert set(entry["databases"]) <= {"control", "data", "bank"}
    assert set(entry["settings"]) <= set(_GROUPS), "localcloud knows no such group of settings"
    assert (entry["trigger"] == "scheduler") == ("schedule" in entry)


def test_every_queue_that_is_named_exists_and_every_queue_is_used() -> None:
    named = {entry["queue"] for entry in FUNCTIONS.values() if "queue" in entry}

    assert named == set(MANIFEST["queues"])
    assert all(FUNCTIONS[name]["trigger"] == "tasks" for name in FUNCTIONS if "queue" in FUNCTIONS[name])
    assert all("queue" in entry for entry in FUNCTIONS.values() if entry["trigger"] == "tasks")


def test_every_backend_that_the_api_names_is_called_by_the_gateway_and_every_such_function_is_named() -> None:
    named = {
        operation["x-google-backend"]
        for item in OPENAPI["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict) and "x-google-backend" in operation
    }

    assert named == {name for name, entry in FUNCTIONS.items() if entry["trigger"] == "gateway"}
