"""What a bundle holds, and that its name changes exactly when its content does."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from infra.package import CannotPack, bundle, contents, write_bundles

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = sorted(yaml.safe_load((ROOT / "functions/manifest.yaml").read_text())["functions"])


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The repository's code, free to change."""
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in ("functions", "shared"):
        shutil.copytree(ROOT / folder, tmp_path / "copy" / folder, ignore=ignored)
    return tmp_path / "copy"


def names(root: Path, out: Path) -> dict[str, str]:
    index = write_bundles(out=out, root=root)
    return {function: entry["object"] for function, entry in index["functions"].items()}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_bundle_holds_its_folder_and_what_it_reaches_and_nothing_else(function: str) -> None:
    packed = set(contents(function))
    folder = ROOT / "functions" / function
    code = {file.relative_to(folder).as_posix() for file in folder.rglob("*.py")}

    assert code | {"requirements.txt"} <= packed
    assert {"requirements.in", "README.md"}.isdisjoint(packed)
    assert all(name.startswith("shared/") or (folder / name).is_file() for name in packed)
    assert not [name for name in packed if "__pycache__" in name or name.endswith(".pyc")]


def test_a_read_endpoint_carries_no_bank_and_no_token_code() -> None:
    packed = contents("accounts")

    assert not [name for name in packed if name.startswith("shared/banks/")]
    assert "shared/gcp/envelope.py" not in packed


@pytest.mark.parametrize("function", ["accounts", "banks", "transactions"])
def test_a_read_function_comes_without_googles_client_library(function: str) -> None:
    """Which takes longer to import than all else: a bundle boots with its requirements alone."""
    pinned = (ROOT / "functions" / function / "requirements.txt").read_text()
    names = {line.partition("==")[0] for line in pinned.splitlines() if "==" in line}
    assert {"grpcio", "protobuf", "google-auth"} <= names
    assert names.isdisjoint({"google-cloud-firestore", "google-api-core", "proto-plus"})


def test_a_connector_that_is_imported_when_it_is_used_is_packed() -> None:
    assert "shared/banks/berlin_group/connector.py" in contents("sync_consent")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_entries_are_plain_dated_and_sorted(function: str) -> None:
    with zipfile.ZipFile(io.BytesIO(bundle(function))) as archive:
        entries = archive.infolist()

    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {stat.S_IFREG | 0o644}
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    assert {entry.create_system for entry in entries} == {3}


def test_unchanged_code_makes_unchanged_names_whatever_its_files_look_like(
    copy: Path, tmp_path: Path
) -> None:
    for file in copy.rglob("*.py"):
        os.utime(file, (1, 1))
        file.chmod(0o755)
    (copy / "functions/accounts/__pycache__").mkdir()
    (copy / "functions/accounts/__pycache__/main.cpython-311.pyc").write_bytes(b"old")
    (copy / "functions/accounts/notes.md").write_text("not for the cloud")

    assert names(copy, tmp_path / "one") == names(ROOT, tmp_path / "two")


def test_the_hash_seed_does_not_matter(tmp_path: Path) -> None:
    made = []
    for seed in ("1", "2"):
        program = (
            "import hashlib, infra.package as p; print(hashlib.sha256(p.bundle('consents')).hexdigest())"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        made.append(done.stdout)
    assert made[0] == made[1]


@pytest.mark.parametrize(
    "module",
    [
        "shared/domain/matching.py",
        "shared/gcp/raw_firestore.py",
        "shared/gcp/envelope.py",
        "shared/banks/nlb_si.py",
        "shared/http/idempotency.py",
        "shared/settings.py",
    ],
)
def test_a_change_in_shared_changes_only_the_functions_that_reach_it(
    copy: Path, tmp_path: Path, module: str
) -> None:
    reaching = {function for function in FUNCTIONS if module in contents(function)}
    assert reaching, f"no function reaches {module}"
    before = names(copy, tmp_path / "before")

    with (copy / module).open("a") as file:
        file.write("# changed\n")

    after = names(copy, tmp_path / "after")
    assert {function for function in FUNCTIONS if before[function] != after[function]} == reaching


def test_changes_differ_between_functions() -> None:
    """Else the test before this one could not fail: no module of its list may be reached by all or by none."""
    matching = {function for function in FUNCTIONS if "shared/domain/matching.py" in contents(function)}

    assert "sync_consent" in matching
    assert "accounts" not in matching


def test_a_change_of_a_functions_own_file_changes_that_function_alone(copy: Path, tmp_path: Path) -> None:
    before = names(copy, tmp_path / "before")

    (copy / "functions/accounts/main.py").write_text("# another\n")

    after = names(copy, tmp_path / "after")
    assert [function for function in FUNCTIONS if before[function] != after[function]] == ["accounts"]


def test_the_index_tells_the_hash_of_each_object_and_old_objects_go(tmp_path: Path) -> None:
    (tmp_path / "bundles").mkdir()
    (tmp_path / "bundles/accounts-old.zip").write_bytes(b"")

    write_bundles(out=tmp_path)

    index = json.loads((tmp_path / "bundles.json").read_text())["functions"]
    assert sorted(index) == FUNCTIONS
    for function, entry in index.items():
        content = (tmp_path / "bundles" / entry["object"]).read_bytes()
        assert entry["object"] == f"{function}-{entry['sha256']}.zip"
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    assert len(list((tmp_path / "bundles").iterdir())) == len(FUNCTIONS)


@pytest.mark.parametrize("link", ["functions/accounts/other.py", "functions/accounts/folder"])
def test_links_are_refused(copy: Path, link: str) -> None:
    (copy / link).symlink_to(copy / "shared")

    with pytest.raises(CannotPack, match="plain file"):
        bundle("accounts", root=copy)


def test_a_link_in_shared_is_refused(copy: Path) -> None:
    settings = copy / "shared/settings.py"
    settings.rename(copy / "moved.py")
    settings.symlink_to(copy / "moved.py")

    with pytest.raises(CannotPack, match="plain file"):
        bundle("accounts", root=copy)


@pytest.mark.parametrize("name", ["main.py", "requirements.txt"])
def test_a_folder_that_could_not_be_built_is_refused(copy: Path, name: str) -> None:
    (copy / "functions/accounts" / name).unlink()

    with pytest.raises(CannotPack, match=name):
        bundle("accounts", root=copy)


def test_a_folder_that_would_hide_shared_is_refused(copy: Path) -> None:
    (copy / "functions/accounts/shared.py").touch()

    with pytest.raises(CannotPack, match="shared"):
        bundle("accounts", root=copy)


def test_nothing_is_written_when_one_function_cannot_be_packed(copy: Path, tmp_path: Path) -> None:
    (copy / "functions/transactions/main.py").unlink()

    with pytest.raises(CannotPack):
        write_bundles(out=tmp_path / "out", root=copy)
    assert not (tmp_path / "out").exists()


def test_shared_is_python_alone() -> None:
    """The packager follows imports; a data file beside a module would be left behind."""
    files = [
        file for file in (ROOT / "shared").rglob("*") if file.is_file() and "__pycache__" not in file.parts
    ]

    assert [file for file in files if file.suffix != ".py"] == []
