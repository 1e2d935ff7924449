"""Every document of bank data is reached through an organisation, and only by the adapters."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.gcp import paths

ROOT = Path(__file__).parents[2]
SHARED = sorted((ROOT / "shared").rglob("*.py"))
FUNCTIONS = sorted((ROOT / "functions").glob("*/main.py"))
_OPENERS = {"collection", "document", "collection_group", "doc"}
_WITHOUT_ORGANISATION = {
    "api_key_hash",
    "api_key_hashes",
    "bank_health",
    "invitation_hash",
    "invitation_hashes",
    "membership",
    "membership_idempotency",
    "oauth_state",
    "oauth_states",
    "organisation_erasures",
    "rate_limit",
    "sign_in",
    "sign_ins",
}
"""`bank_health` holds counts and times of our own calls to a bank, and nothing of any organisation."""

_ACROSS_ORGANISATIONS = {
    ("account_erasure_store.py", "open"),
    ("consent_store.py", "due"),
    ("relay_store.py", "audit_entries"),
    ("relay_store.py", "key_uses"),
}
"""The dispatcher's view of what is due: it reads ids and times, and hands each to its organisation's task. The
relay's of what waits for the control plane: each entry names its organisation and goes to that one's log. The
eraser's of what has begun: each goes on within its organisation."""


def openers(path: Path) -> Iterator[tuple[ast.Call, str]]:
    """Calls that open a collection or a document, with the function that they stand in."""
    for function in ast.walk(ast.parse(path.read_text())):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in _OPENERS
                ):
                    yield node, function.name


@pytest.mark.parametrize("path", [*SHARED, *FUNCTIONS], ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_are_opened_by_adapters_through_paths_only(path: Path) -> None:
    for call, function in openers(path):
        where = f"{path.relative_to(ROOT)}:{call.lineno}"
        assert path.parent == ROOT / "shared" / "gcp", f"{where} opens a document outside shared/gcp"
        if call.func.attr == "collection_group":  # type: ignore[attr-defined]
            assert (path.name, function) in _ACROSS_ORGANISATIONS, f"{where} reads across organisations"
            continue
        argument = call.args[0]
        built_by_paths = (
            isinstance(argument, ast.Call)
            and isinstance(argument.func, ast.Attribute)
            and isinstance(argument.func.value, ast.Name)
            and argument.func.value.id == "paths"
        )
        named_by_paths = isinstance(argument, ast.Name) and argument.id == "path"
        assert built_by_paths or named_by_paths, f"{where} builds a path of its own"


def test_paths_start_at_an_organisation() -> None:
    builders = {
        name: builder
        for name, builder in inspect.getmembers(paths, inspect.isfunction)
        if builder.__module__ == paths.__name__
    }
    assert builders
    for name, builder in builders.items():
        parameters = list(inspect.signature(builder).parameters)
        arguments = [7 if parameter in ("revision", "number") else parameter for parameter in parameters]
        built = builder(*arguments)
        if name in _WITHOUT_ORGANISATION:
            assert "organisations" not in built
        else:
            assert parameters[0] == "organisation_id", name
            assert built.startswith(("organisations/organisation_id", "erasures/organisation_id")), name


def test_google_clients_are_made_in_one_place() -> None:
    makers = {
        "Client",
        "AsyncClient",
        "KeyManagementServiceClient",
        "CloudTasksClient",
        "CloudSchedulerClient",
    }
    for path in [*SHARED, *FUNCTIONS]:
        if path == ROOT / "shared" / "gcp" / "clients.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                is_httpx = "banks" in path.parts
                assert name not in makers or is_httpx, (
                    f"{path.relative_to(ROOT)}:{node.lineno} makes a Google client"
                )
