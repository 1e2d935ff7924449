"""A virtual environment that holds a function's own requirements and nothing else, as the function has in the cloud.

Made once for each set of requirements and Python, by uv, with every hash checked, and kept in `.cache/environments`;
whoever needs the same one meanwhile waits for it. As Google's buildpack does, it compiles what it installs to
bytecode that is never checked against its source.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_FOLDER = _ROOT / ".cache" / "environments"
_TIMEOUT_SECONDS = 300
# uv does not read pip's settings; these are what a developer's own index needs.
_FROM_PIP = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_CERT": "SSL_CERT_FILE",
}


class CannotInstall(Exception):
    """The requirements could not be installed; the message is uv's."""


def clean_environment(requirements: Path, *, folder: Path = _FOLDER) -> Path:
    """The folder of a virtual environment with exactly `requirements`, a pinned and hashed file.

    Raises CannotInstall.
    """
    lines = requirements.read_text().splitlines()
    # Comments say on whose account a package is there, and differ between functions that need the same ones.
    needed = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    made_of = f"{needed}{sys.version}{sys.prefix}".encode()
    environment = folder / hashlib.sha256(made_of).hexdigest()[:24]
    ready = environment / ".ready"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{environment.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            shutil.rmtree(environment, ignore_errors=True)
            _uv("venv", "--quiet", "--no-project", "--python", sys.executable, str(environment))
            _uv(
                *("pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode"),
                *("--python", str(environment / "bin/python"), str(requirements)),
            )
            ready.touch()
    return environment


def _uv(*arguments: str) -> None:
    uv = Path(sys.prefix) / "bin" / "uv"
    settings = {ours: os.environ[theirs] for theirs, ours in _FROM_PIP.items() if theirs in os.environ}
    done = subprocess.run(
        [str(uv), *arguments],
        env={**settings, **os.environ, "PYC_INVALIDATION_MODE": "UNCHECKED_HASH"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise CannotInstall(done.stderr)
