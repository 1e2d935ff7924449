"""Which modules of a package a program reaches, read from its source without running it.

Imports inside functions count, since a bundle must hold them too; those under `if TYPE_CHECKING` never happen. A
module brings its packages' `__init__` with it, as Python's own import does. `import_module("a.b")` is followed;
with a name that is only known when the program runs, nobody could tell what to pack, so that is refused.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path


class CannotFollow(ValueError):
    """An import leads to no file, or nobody can tell where it leads. The message names file and line."""


def reachable(starts: Iterable[Path], *, package: str, root: Path) -> dict[str, Path]:
    """Module name → file, for every module of `root/package` that the files `starts` reach, in the names' order.

    `starts` lie outside the package. Raises CannotFollow.
    """
    found: dict[str, Path] = {}
    waiting = [name for start in starts for name in _imported(start, package=package, inside=None, root=root)]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        file = found[name] = _file(name, root=root)
        inside = name if file.name == "__init__.py" else name.rpartition(".")[0]
        waiting += _imported(file, package=package, inside=inside, root=root)
    return dict(sorted(found.items()))


def _imported(file: Path, *, package: str, inside: str | None, root: Path) -> set[str]:
    """Every module of `package` that `file` imports by itself, and their parents. `inside`: the package it is in."""
    names: set[str] = set()
    for node in _imports_in(file.read_bytes()):
        match node:
            case ast.Import():
                names.update(alias.name for alias in node.names)
            case ast.ImportFrom():
                source = _absolute(node, inside=inside)
                names.add(source)
                names.update(_submodules(source, node, package=package, root=root))
            case ast.Call():
                names.add(_constant_name(node, file=file))
    wanted = {name for name in names if name == package or name.startswith(f"{package}.")}
    for name in wanted:
        if not _candidates(name, root=root):
            raise CannotFollow(f"{file}: there is no module {name}")
    return {parent for name in wanted for parent in _with_parents(name)}


@functools.cache
def _imports_in(source: bytes) -> tuple[ast.Import | ast.ImportFrom | ast.Call, ...]:
    """Whatever imports something. Every function's bundle is made of the same few modules: each is parsed once."""
    return tuple(
        node
        for node in _that_run(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        or (isinstance(node, ast.Call) and _imports_by_name(node.func))
    )


def _that_run(node: ast.AST) -> Iterator[ast.AST]:
    """The tree without the bodies of `if TYPE_CHECKING:`."""
    yield node
    if isinstance(node, ast.If) and _is_type_checking(node.test):
        children: Iterable[ast.AST] = node.orelse
    else:
        children = ast.iter_child_nodes(node)
    for child in children:
        yield from _that_run(child)


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _absolute(node: ast.ImportFrom, *, inside: str | None) -> str:
    if node.level == 0:
        return node.module or ""
    if inside is None:
        return ""  # a neighbour in the function's own folder, which is packed whole
    above = inside.split(".")
    base = above[: len(above) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def _submodules(source: str, node: ast.ImportFrom, *, package: str, root: Path) -> set[str]:
    """`from a.b import c` loads a.b.c where that is a module and not a name inside a.b."""
    if source.partition(".")[0] != package:
        return set()
    names = {f"{source}.{alias.name}" for alias in node.names}
    return {name for name in names if _candidates(name, root=root)}


def _imports_by_name(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", None)
    return name in ("import_module", "__import__")


def _constant_name(node: ast.Call, *, file: Path) -> str:
    match node.args:
        case [ast.Constant(value=str(name))] if not name.startswith("."):
            return name
    raise CannotFollow(f"{file}:{node.lineno}: the imported module's name must be a plain string")


def _with_parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[: length + 1]) for length in range(len(parts))]


def _candidates(name: str, *, root: Path) -> list[Path]:
    path = root.joinpath(*name.split("."))
    return [file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()]


def _file(name: str, *, root: Path) -> Path:
    found = _candidates(name, root=root)
    if not found:
        raise CannotFollow(f"{root}: {name} lies in a folder without __init__.py")
    return found[0]
