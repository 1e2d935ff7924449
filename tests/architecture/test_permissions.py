"""What the organisation function asks of its callers is what the document says, operation by operation."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.architecture.test_functions import ENVIRONMENT, ROOT
from tests.contract.openapi import operations

_PROGRAM = """
import json, re, main
from control_plane.wiring import api
rules = {}
for rule in api._routes.iter_rules():
    operation = api._operations[rule.endpoint]
    path = re.sub(r"<[^>]+>", "{}", rule.rule)
    for method in rule.methods - {"HEAD"}:
        rules[f"{method} {path}"] = [operation.access, operation.permission or "signed-in"]
print(json.dumps(rules))
"""


def test_the_code_asks_for_what_the_document_says() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        cwd=ROOT / "functions" / "organisation",
        env=ENVIRONMENT | {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    documented = {
        f"{method} {_without_names(template)}": ["user", operation["x-tok-permission"]]
        for method, template, operation in operations()
        if operation["x-google-backend"] == "organisation"
    }
    assert json.loads(done.stdout) == documented


def _without_names(template: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in template.split("/"))
