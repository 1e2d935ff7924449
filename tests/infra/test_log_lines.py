"""Every log line that a metric in infra/terraform counts is one that the code writes, with the fields that it reads."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
METRICS = (ROOT / "infra/terraform/modules/environment/monitoring_metrics.tf").read_text()
MESSAGES = re.findall(r'"(\w+)"', re.findall(r"for message in \[(.*?)\]", METRICS)[0])
FIELDS = {
    "sync_ended": {"lagSeconds", "outcome"},
    "breaker_opened": {"bank"},
    "limiter_degraded": set[str](),
    "consent_expiring": {"days"},
}


def _written() -> dict[str, set[str]]:
    """Message → the names of the fields that its call to the log gives."""
    lines: dict[str, set[str]] = {}
    for folder in ("shared", "functions"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in ("info", "warning", "error")
                    and node.args
                    and isinstance(node.args[0], ast.Constant)
                ):
                    lines[str(node.args[0].value)] = {keyword.arg or "" for keyword in node.keywords}
    return lines


WRITTEN = _written()


def test_the_metrics_are_those_whose_fields_are_known_here() -> None:
    assert set(MESSAGES) == set(FIELDS)
    extracted = set(re.findall(r"EXTRACT\(jsonPayload\.(\w+)\)", METRICS))
    assert extracted == set().union(*FIELDS.values())


@pytest.mark.parametrize("message", MESSAGES)
def test_the_code_writes_the_line(message: str) -> None:
    assert message in WRITTEN
    assert FIELDS[message] <= WRITTEN[message]
