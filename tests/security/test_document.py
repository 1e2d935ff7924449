"""docs/security.md names tests that there are, and one for each of the OWASP API Top 10."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text()
NODE = re.compile(r"`(tests/[a-z0-9_/]+\.py)(?:::(test_\w+))?`")
NAMED = sorted(set(NODE.findall(TEXT)))


@pytest.mark.parametrize(("path", "name"), NAMED, ids=["::".join(filter(None, each)) for each in NAMED])
def test_every_test_that_the_document_names_exists(path: str, name: str) -> None:
    tests = {
        node.name
        for node in ast.parse((ROOT / path).read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    assert tests
    assert not name or name in tests


def test_each_of_the_ten_has_its_own_test() -> None:
    own = {name for path, name in NAMED if path == "tests/security/test_owasp_api.py"}
    numbers = sorted(int(found[1]) for name in own if (found := re.match(r"test_api(\d+)_", name)))
    assert numbers == list(range(1, 11))


def test_no_test_is_named_in_another_form() -> None:
    assert TEXT.count("`tests/") == len(NODE.findall(TEXT))
