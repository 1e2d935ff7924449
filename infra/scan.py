"""Looks for known vulnerabilities in what Tok installs, for secrets in what git keeps, and for unsafe infrastructure.

    python -m infra.scan [--strict] [dependencies] [secrets] [terraform]

Exit status 0: nothing found; 1: something found, printed; 2: --strict, and a scan could not be done (a service out of
reach). Without --strict such a scan is told of loudly and does not fail the rest: a laptop may be offline, delivery
must not be. The tools are those beside this Python (requirements/scan.txt).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from shared.domain.key_format import environment_of

_ROOT = Path(__file__).resolve().parents[1]
_TOOLS = Path(sys.executable).parent
_TIMEOUT_SECONDS = 900
_REQUIREMENTS = ("requirements/dev.txt", "requirements/scan.txt")
"""Every function's pins are among the first's; the tests hold that."""
# Guesses by entropy and by variable names: they see a secret in every hash of a lock file, every field called token.
_GUESSES = ("HexHighEntropyString", "Base64HighEntropyString", "KeywordDetector")
_TOK_KEY = r"\btok_(?:live|sandbox)_[0-9A-Za-z]{38}\b"


class CannotScan(Exception):
    """A scan could not be done; the message says why."""


@dataclass
class Scan:
    name: str
    found: list[str] = field(default_factory=list)
    undone: str = ""
    """Why the scan could not be done, or not for everything."""


def scan_dependencies(scan: Scan, *, root: Path, tools: Path) -> None:
    """pip-audit, on PyPI's advisories. It says "no known vulnerabilities" of packages that it could not look up too."""
    skipped = []
    for requirements in _REQUIREMENTS:
        done = _run(
            [
                str(tools / "pip-audit"),
                *("--requirement", requirements, "--require-hashes", "--disable-pip"),
                *("--format", "json", "--progress-spinner", "off"),
            ],
            root=root,
        )
        try:
            dependencies = json.loads(done.stdout)["dependencies"]
        except (json.JSONDecodeError, KeyError):
            raise CannotScan(f"pip-audit: {_last_lines(done.stderr)}") from None
        for dependency in dependencies:
            if "skip_reason" in dependency:
                skipped.append(dependency["name"])
            for vulnerability in dependency.get("vulns", ()):
                fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
                scan.found.append(
                    f"{dependency['name']} {dependency['version']}: {vulnerability['id']}, fixed in {fixed}"
                )
    if skipped:
        scan.undone = (
            f"{len(skipped)} packages could not be looked up: {', '.join(sorted(set(skipped))[:10])} …"
        )


def scan_secrets(scan: Scan, *, root: Path, tools: Path) -> None:
    """detect-secrets, on every file that git keeps or would add; and Tok's own API keys."""
    listed = _run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], root=root)
    if listed.returncode != 0:
        raise CannotScan(f"git: {_last_lines(listed.stderr)}")
    files = sorted(name for name in set(listed.stdout.split("\0")) if name and (root / name).is_file())
    done = _run(
        [
            *(str(tools / "detect-secrets"), "scan", "--no-verify"),
            *(argument for plugin in _GUESSES for argument in ("--disable-plugin", plugin)),
            *files,
        ],
        root=root,
    )
    try:
        results = json.loads(done.stdout)["results"]
    except (json.JSONDecodeError, KeyError):
        raise CannotScan(f"detect-secrets: {_last_lines(done.stderr)}") from None
    for name, secrets in results.items():
        scan.found += [f"{name}:{secret['line_number']}: {secret['type']}" for secret in secrets]
    own = _run(["git", "grep", "--untracked", "-nIoP", "-e", _TOK_KEY], root=root)
    for line in own.stdout.splitlines():
        name, number, key = line.rsplit(":", 2)
        if environment_of(key) is not None:  # examples in documents have no right checksum
            scan.found.append(f"{name}:{number}: a Tok API key")


def scan_terraform(scan: Scan, *, root: Path, tools: Path) -> None:
    """checkov, on infra/terraform. Exceptions stand beside their resource, each with its reason."""
    done = _run(
        [
            *(str(tools / "checkov"), "--directory", "infra/terraform", "--framework", "terraform"),
            *("--skip-download", "--compact", "--quiet", "--output", "json"),
        ],
        root=root,
    )
    try:
        report = json.loads(done.stdout)
        summary = report.get("summary", report)
        failed = report.get("results", {}).get("failed_checks", [])
    except (json.JSONDecodeError, AttributeError, KeyError, TypeError):
        raise CannotScan(f"checkov: {_last_lines(done.stderr or done.stdout)}") from None
    if summary.get("parsing_errors"):
        raise CannotScan(f"checkov could not parse {summary['parsing_errors']} files")
    if not summary.get("passed"):
        raise CannotScan("checkov checked nothing")
    for check in failed:
        place = f"infra/terraform{check['file_path']}:{check['file_line_range'][0]}"
        scan.found.append(f"{place}: {check['check_id']} {check['resource']}: {check['check_name']}")


SCANS: dict[str, Callable[..., None]] = {
    "dependencies": scan_dependencies,
    "secrets": scan_secrets,
    "terraform": scan_terraform,
}


def scan_all(names: list[str], *, root: Path = _ROOT, tools: Path = _TOOLS) -> list[Scan]:
    done = []
    for name in names:
        scan = Scan(name)
        try:
            SCANS[name](scan, root=root, tools=tools)
        except (CannotScan, OSError, subprocess.TimeoutExpired) as error:
            scan.undone = str(error)
        done.append(scan)
    return done


def _run(command: list[str], *, root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=root, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
    )


def _last_lines(text: str) -> str:
    return " ".join(text.strip().splitlines()[-3:])[:500] or "it printed nothing"


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(prog="python -m infra.scan", description=__doc__.split("\n")[0])
    options.add_argument("scans", nargs="*", metavar="|".join(SCANS), help="by default all")
    options.add_argument("--strict", action="store_true", help="exit with 2 when a scan could not be done")
    chosen = options.parse_args(arguments)
    unknown = set(chosen.scans) - set(SCANS)
    if unknown:
        options.error(f"there is no scan {', '.join(sorted(unknown))}")
    scans = scan_all(chosen.scans or list(SCANS))
    for scan in scans:
        for finding in scan.found:
            print(f"FOUND  {scan.name}: {finding}")
        if scan.undone:
            print(f"\n*** NOT DONE  {scan.name}: {scan.undone}\n*** This is no all-clear.\n")
        elif not scan.found:
            print(f"clean  {scan.name}")
    if any(scan.found for scan in scans):
        return 1
    return 2 if chosen.strict and any(scan.undone for scan in scans) else 0


if __name__ == "__main__":
    raise SystemExit(main())
