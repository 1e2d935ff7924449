"""Google's Firestore emulator, where this machine has it: finding it, starting it, and why it cannot be."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

_JAR = Path("platform/cloud-firestore-emulator/cloud-firestore-emulator.jar")
_MAIN_CLASS = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
_START_TIMEOUT_SECONDS = 60


class EmulatorMissing(Exception):
    """Says what is missing."""


def _roots() -> Iterator[Path]:
    """Where a Cloud SDK may lie: named by the environment, told by gcloud, or around the gcloud on the PATH."""
    for variable in ("CLOUDSDK_ROOT_DIR", "GOOGLE_CLOUD_SDK_HOME"):
        if os.environ.get(variable):
            yield Path(os.environ[variable])
    gcloud = shutil.which("gcloud")
    if gcloud is not None:
        yield from Path(gcloud).resolve().parents
    home = Path.home()
    for folder in ("/usr/lib", "/usr/local", "/usr/share", "/opt", "/snap", str(home)):
        yield Path(folder) / "google-cloud-sdk"
    if gcloud is not None:
        asked = subprocess.run(
            [gcloud, "info", "--format=value(installation.sdk_root)"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if asked.stdout.strip():
            yield Path(asked.stdout.strip())


def find_emulator() -> tuple[str, Path]:
    """The java command and the emulator's jar; EmulatorMissing says which one is not there."""
    java = shutil.which("java")
    if java is None:
        raise EmulatorMissing("Google's Firestore emulator needs java, and there is none on the PATH")
    named = os.environ.get("FIRESTORE_EMULATOR_JAR")
    if named:
        return java, Path(named)
    for root in _roots():
        if (root / _JAR).is_file():
            return java, root / _JAR
    raise EmulatorMissing(
        f"no {_JAR.name} in any Cloud SDK found here"
        " (gcloud components install cloud-firestore-emulator, or set FIRESTORE_EMULATOR_JAR)"
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_port(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise EmulatorMissing(f"Google's Firestore emulator ended at once with code {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise EmulatorMissing(f"Google's Firestore emulator did not listen within {_START_TIMEOUT_SECONDS} s")


@contextlib.contextmanager
def running_emulator(*, rules: Path | None = None) -> Iterator[str]:
    """The emulator's host:port while the block runs; java itself is started, since gcloud's wrapper orphans it."""
    java, jar = find_emulator()
    port = _free_port()
    command = [java, "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", str(jar), _MAIN_CLASS]
    command += ["start", "--host", "127.0.0.1", "--port", str(port)]
    if rules is not None:
        command += ["--rules", str(rules)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await_port(process, port)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
