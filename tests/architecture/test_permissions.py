"""What each function asks of its callers is what the document says, operation by operation: a key, a person and their
permission, or nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.architecture.test_functions import ENVIRONMENT, MANIFEST, ROOT
from tests.contract.openapi import document, operations

_PROGRAM = """
import json, re, main
rules = {}
for rule in main.api._routes.iter_rules():
    operation = main.api._operations[rule.endpoint]
    path = re.sub(r"<[^>]+>", "{}", rule.rule)
    for method in rule.methods - {"HEAD"}:
        needed = operation.permission or "signed-in" if operation.access == "user" else None
        rules[f"{method} {path}"] = [operation.access, needed]
print(json.dumps(rules))
"""
_ACCESS = {"apiKey": "key", "userToken": "user"}
FUNCTIONS = sorted(name for name, entry in MANIFEST["functions"].items() if entry["trigger"] == "gateway")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_code_asks_for_what_the_document_says(function: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        cwd=ROOT / "functions" / function,
        env=ENVIRONMENT | {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    documented = {
        f"{method} {_without_names(template)}": [_access(operation), operation.get("x-tok-permission")]
        for method, template, operation in operations()
        if operation["x-google-backend"] == function
    }
    assert documented
    assert json.loads(done.stdout) == documented


def _access(operation: dict[str, object]) -> str:
    security = operation.get("security", document()["security"])
    assert isinstance(security, list)
    if not security:
        return "public"
    ((scheme,),) = security
    return _ACCESS[scheme]


def _without_names(template: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in template.split("/"))
