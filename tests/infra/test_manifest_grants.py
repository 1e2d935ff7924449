"""What the manifest grants a function is what its code uses: no setting, secret or key use more, none less."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FUNCTIONS = yaml.safe_load((ROOT / "functions/manifest.yaml").read_text())["functions"]
# The sandbox's bank reads settings of its own.
OURS = [name for name, entry in FUNCTIONS.items() if "bank" not in entry["settings"]]
LOADERS = {
    "load_api_settings": "api",
    "load_bank_settings": "banks",
    "load_task_settings": "tasks",
    "load_dispatch_settings": "dispatch",
    "load_user_settings": "users",
    "load_kms_key": "kms",
}
KMS_USES = {"seal": "encrypt", "open": "decrypt"}


def _imports(tree: ast.Module) -> dict[str, tuple[str, str]]:
    """Name as it is known here → module and its name there."""
    return {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level == 0
        for alias in node.names
    }


def _key_uses(module: str, name: str, seen: set[tuple[str, str]]) -> set[str]:
    """What a use case, and whatever of the use cases it names in turn, asks the vault for."""
    if (module, name) in seen or not module.startswith("shared.use_cases."):
        return set()
    seen.add((module, name))
    tree = _parse(ROOT / (module.replace(".", "/") + ".py"))
    imported = _imports(tree)
    uses = set()
    for definition in tree.body:
        if getattr(definition, "name", None) != name:
            continue
        uses |= _vault_calls(definition)
        for node in ast.walk(definition):
            if isinstance(node, ast.Name):
                uses |= _key_uses(*imported.get(node.id, (module, node.id)), seen)
    return uses


def _vault_calls(tree: ast.AST) -> set[str]:
    calls = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in KMS_USES:
            receiver = node.func.value
            name = receiver.attr if isinstance(receiver, ast.Attribute) else getattr(receiver, "id", "")
            if name.endswith("vault"):
                calls.add(KMS_USES[node.func.attr])
    return calls


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _imports_of(function: str) -> set[tuple[str, str]]:
    """By any module of the function's own folder."""
    modules = (ROOT / "functions" / function).rglob("*.py")
    return {imported for module in modules for imported in _imports(_parse(module)).values()}


@pytest.mark.parametrize("name", OURS)
def test_a_function_has_the_settings_that_it_loads(name: str) -> None:
    imported = _imports_of(name)
    loaded = {LOADERS[what] for module, what in imported if module == "shared.settings" and what in LOADERS}
    assert set(FUNCTIONS[name]["settings"]) == loaded


@pytest.mark.parametrize("name", OURS)
def test_a_function_may_encrypt_and_decrypt_as_its_use_cases_do(name: str) -> None:
    seen: set[tuple[str, str]] = set()
    used = set().union(*(_key_uses(module, what, seen) for module, what in _imports_of(name)))
    assert set(FUNCTIONS[name].get("kms", [])) == used


def test_the_worker_alone_may_decrypt() -> None:
    assert [name for name in FUNCTIONS if "decrypt" in FUNCTIONS[name].get("kms", [])] == ["sync_consent"]
    assert FUNCTIONS["sync_consent"]["trigger"] == "tasks"


def test_the_search_for_key_uses_follows_what_a_use_case_names() -> None:
    """sync_consent seals and opens in bank_session, which it imports."""
    assert _key_uses("shared.use_cases.sync_consent", "sync_consent", set()) == {"encrypt", "decrypt"}
    assert _key_uses("shared.use_cases.complete_consent", "complete_consent", set()) == {"encrypt"}
