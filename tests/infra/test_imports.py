from __future__ import annotations

from pathlib import Path

import pytest

from infra.imports import CannotFollow, reachable

MODULES = {
    "pack/__init__.py": "",
    "pack/one.py": "from pack.deep import two",
    "pack/other.py": "",
    "pack/lazy.py": "",
    "pack/typed.py": "",
    "pack/named.py": "",
    "pack/deep/__init__.py": "from pack.deep.base import NAME as NAME",
    "pack/deep/base.py": "NAME = 1",
    "pack/deep/two.py": "from . import three\nfrom ..other import nothing",
    "pack/deep/three.py": "",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in MODULES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def reached(root: Path, source: str) -> set[str]:
    start = root / "start.py"
    start.write_text(source)
    return set(reachable([start], package="pack", root=root))


def test_nothing_of_the_package_is_reached_by_a_program_that_does_not_import_it(root: Path) -> None:
    assert reached(root, "import json, packaging\nfrom package import pack") == set()


@pytest.mark.parametrize(
    "source", ["import pack.other", "from pack import other", "from pack.other import x"]
)
def test_a_module_brings_its_package(root: Path, source: str) -> None:
    assert reached(root, source) == {"pack", "pack.other"}


def test_imports_are_followed_through_packages_and_relative_names(root: Path) -> None:
    deep = {"pack.deep", "pack.deep.base", "pack.deep.two", "pack.deep.three"}

    assert reached(root, "from pack.one import x") == {"pack", "pack.one", "pack.other"} | deep


def test_a_name_inside_a_package_is_not_taken_for_a_module(root: Path) -> None:
    assert reached(root, "from pack.deep import NAME") == {"pack", "pack.deep", "pack.deep.base"}


def test_an_import_inside_a_function_counts(root: Path) -> None:
    assert "pack.lazy" in reached(root, "def f():\n    if f:\n        from pack import lazy")


@pytest.mark.parametrize("guard", ["TYPE_CHECKING", "typing.TYPE_CHECKING"])
def test_an_import_for_types_alone_does_not_count(root: Path, guard: str) -> None:
    source = f"if {guard}:\n    from pack import typed\nelse:\n    from pack import other"

    assert reached(root, source) == {"pack", "pack.other"}


@pytest.mark.parametrize("call", ["importlib.import_module('pack.named')", "import_module('pack.named')"])
def test_a_module_imported_by_its_name_counts(root: Path, call: str) -> None:
    assert reached(root, f"x = {call}") == {"pack", "pack.named"}


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import pack.missing", "no module pack.missing"),
        ("from pack.missing import x", "no module pack.missing"),
        ("import_module(name)", "start.py:1"),
        ("import_module('.other', package='pack')", "start.py:1"),
        ("__import__(f'pack.{x}')", "start.py:1"),
    ],
)
def test_what_cannot_be_followed_is_refused(root: Path, source: str, told: str) -> None:
    with pytest.raises(CannotFollow, match=told):
        reached(root, source)


def test_a_folder_without_init_is_refused(root: Path) -> None:
    (root / "pack/deep/__init__.py").unlink()

    with pytest.raises(CannotFollow, match=r"pack\.deep"):
        reached(root, "from pack.deep.two import x")


def test_circles_end(root: Path) -> None:
    (root / "pack/other.py").write_text("import pack.lazy")
    (root / "pack/lazy.py").write_text("import pack.other")

    assert reached(root, "import pack.lazy") == {"pack", "pack.lazy", "pack.other"}
