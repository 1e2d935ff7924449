"""Schemathesis invents requests from the document, good ones and bad ones, and judges the replies by it.

A failure prints the seed; `SCHEMATHESIS_SEED=… pytest tests/contract/test_schemathesis.py` makes the same requests.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.contract.conftest import BANK, CALLBACK, Connected, connected_organisation
from tests.contract.openapi import PATH, operations
from tests.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


def test_good_and_bad_requests(stack: Stack, tmp_path: Path) -> None:
    _run(stack, stack.new_organisation(), tmp_path, mode="all", examples=6)


def test_good_requests_for_what_exists(stack: Stack, tmp_path: Path) -> None:
    """With ids that are there, so that replies are more than NOT_FOUND."""
    with connected_organisation(stack) as organisation:
        (tmp_path / "schemathesis.toml").write_text(_real_ids(organisation))
        _run(stack, organisation.api_key, tmp_path, mode="positive", examples=6)


def _real_ids(organisation: Connected) -> str:
    # A consent that may be revoked: the accounts' own must stay.
    consent = organisation.client.post("/consents", json={"bankId": BANK, "callbackUrl": CALLBACK}).json()
    ids = {**organisation.ids, "consentId": consent["id"]}
    return "[parameters]\n" + "".join(f'"path.{name}" = "{value}"\n' for name, value in ids.items())


def _run(stack: Stack, api_key: str, folder: Path, *, mode: str, examples: int) -> None:
    seed = os.environ.get("SCHEMATHESIS_SEED") or str(secrets.randbelow(2**32))
    report = folder / "report.xml"
    origin = stack.gateway_url.removesuffix("/v1")
    command = ["run", str(PATH), "--url", origin, "--header", f"Authorization: ApiKey {api_key}"]
    command += ["--checks", ",".join(CHECKS), "--mode", mode, "--phases", "examples,coverage,fuzzing"]
    command += ["--max-examples", str(examples), "--seed", seed, "--request-timeout", "90"]
    command += ["--warnings", "off", "--no-color", "--report", "junit", "--report-junit-path", str(report)]
    finished = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", *command],
        cwd=folder,
        env={**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
    )
    said = finished.stdout.replace(api_key, "tok_sandbox_…") + finished.stderr
    print(f"SCHEMATHESIS_SEED={seed}")  # noqa: T201 - pytest shows it
    assert finished.returncode == 0, f"seed {seed}\n{said[-12_000:]}"
    tested = {
        case.get("name")
        for case in ElementTree.parse(report).iter("testcase")
        if case.find("skipped") is None
    }
    assert {f"{method} {template}" for method, template, _ in operations()} <= tested
