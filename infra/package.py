"""Builds each function's bundle: the zip that Cloud Functions builds the function from.

A bundle holds the function's folder, the modules of shared/ that it reaches, and nothing else. It is named by the
SHA-256 of its bytes, and the same code gives the same bytes on every machine: entries are sorted, dated 1980-01-01,
plain files of mode 0644, and stored rather than deflated, since zlib's output differs between versions. So an
unchanged function keeps its name, and Terraform has nothing to deploy.

No bytecode is packed: Google's buildpack compiles what it finds (docs/decisions/0020-bundles.md).

    python -m infra.package [--out dist]

writes OUT/bundles/<function>-<sha256>.zip and OUT/bundles.json:

    {"functions": {"accounts": {"object": "accounts-<sha256>.zip", "sha256": "<hex>"}}}
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import stat
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import yaml

from infra.imports import CannotFollow, reachable

SHARED = "shared"
"""The package that every function is built from."""

Index = dict[str, dict[str, dict[str, str]]]

_ROOT = Path(__file__).resolve().parents[1]
_DATE = (1980, 1, 1, 0, 0, 0)
_MODE = stat.S_IFREG | 0o644
_UNIX = 3
# Of a function's folder: what only developers read, and what Python leaves behind.
_LEFT_OUT_SUFFIXES = frozenset({".md", ".pyc"})
_LEFT_OUT_NAMES = frozenset({"requirements.in", "__pycache__"})
_REQUIRED = ("main.py", "requirements.txt")


class CannotPack(ValueError):
    """The function's folder is not one that Cloud Functions could build. The message says why."""


def contents(function: str, *, root: Path = _ROOT) -> dict[str, Path]:
    """Name in the bundle → file, for everything that the bundle of `function` holds, in the names' order.

    Raises CannotPack and CannotFollow.
    """
    folder = root / "functions" / function
    own = {file.relative_to(folder).as_posix(): file for file in _files(folder)}
    for name in _REQUIRED:
        if name not in own:
            raise CannotPack(f"{folder} has no {name}")
    if any(name.split("/")[0] in (SHARED, f"{SHARED}.py") for name in own):
        raise CannotPack(f"{folder} has a {SHARED} of its own, which would hide the package of that name")
    _require_plain(own)
    starts = [file for name, file in own.items() if name.endswith(".py")]
    modules = {
        module.relative_to(root).as_posix(): module
        for module in reachable(starts, package=SHARED, root=root).values()
    }
    _require_plain(modules)
    return dict(sorted((own | modules).items()))


def bundle(function: str, *, root: Path = _ROOT) -> bytes:
    """The zip's bytes. Raises CannotPack and CannotFollow."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", compression=zipfile.ZIP_STORED) as archive:
        for name, file in contents(function, root=root).items():
            entry = zipfile.ZipInfo(name, date_time=_DATE)
            entry.create_system = _UNIX
            entry.external_attr = _MODE << 16
            archive.writestr(entry, file.read_bytes())
    return written.getvalue()


def write_bundles(*, out: Path, root: Path = _ROOT) -> Index:
    """Write the bundle of every function in the manifest and their index below `out`, and remove older ones.

    Raises CannotPack and CannotFollow, before anything is written.
    """
    manifest = yaml.safe_load((root / "functions/manifest.yaml").read_text())
    made = {function: bundle(function, root=root) for function in manifest["functions"]}
    index: dict[str, dict[str, str]] = {}
    folder = out / "bundles"
    folder.mkdir(parents=True, exist_ok=True)
    for function, content in made.items():
        sha256 = hashlib.sha256(content).hexdigest()
        index[function] = {"object": f"{function}-{sha256}.zip", "sha256": sha256}
        (folder / index[function]["object"]).write_bytes(content)
    kept = {entry["object"] for entry in index.values()}
    for file in folder.glob("*.zip"):
        if file.name not in kept:
            file.unlink()
    written: Index = {"functions": dict(sorted(index.items()))}
    (out / "bundles.json").write_text(json.dumps(written, indent=2) + "\n")
    return written


def _files(folder: Path) -> list[Path]:
    """Every file of the folder that belongs into the bundle. Links are among them, to be refused by name."""
    found: list[Path] = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name.startswith(".") or path.name in _LEFT_OUT_NAMES or path.suffix in _LEFT_OUT_SUFFIXES:
            continue
        if path.is_dir() and not path.is_symlink():
            found += _files(path)
        else:
            found.append(path)
    return found


def _require_plain(files: Mapping[str, Path]) -> None:
    for file in files.values():
        if file.is_symlink() or not file.is_file():
            raise CannotPack(f"{file} is not a plain file; Cloud Functions' zips hold no links")


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(prog="python -m infra.package", description=__doc__.split("\n")[0])
    options.add_argument("--out", type=Path, default=_ROOT / "dist")
    chosen = options.parse_args(arguments)
    try:
        index = write_bundles(out=chosen.out)
    except (CannotPack, CannotFollow) as error:
        print(f"package: {error}", file=sys.stderr)
        return 1
    for entry in index["functions"].values():
        file = chosen.out / "bundles" / entry["object"]
        print(f"{file.stat().st_size:>9,} bytes  {file}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
