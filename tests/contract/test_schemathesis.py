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
from tests.contract.openapi import PATH, operations, takes_user
from tests.contract.people import person
from tests.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.stack, pytest.mark.timeout(600)]

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


def test_requests_of_people(stack: Stack, tmp_path: Path) -> None:
    """Good and bad ones, by an owner, with ids that are there: replies are more than INVALID_TOKEN."""
    with person(stack) as owner, person(stack) as guest:
        made = owner.sign_up()
        invitation = owner.invite("waits@bilko.example", "viewer")
        ids = {
            "userId": owner.add(guest, "viewer"),
            "invitationId": invitation["id"],
            "keyId": made["keys"][1]["id"],
        }
        config = "".join(f'"path.{name}" = "{value}"\n' for name, value in ids.items())
        (tmp_path / "schemathesis.toml").write_text(
            f'[parameters]\n{config}"header.X-Organisation-Id" = "{made["id"]}"\n'
        )
        _run(stack, owner.token, tmp_path, mode="all", examples=6, people=True)


def _real_ids(organisation: Connected) -> str:
    # A consent that may be revoked: the accounts' own must stay.
    consent = organisation.client.post("/consents", json={"bankId": BANK, "callbackUrl": CALLBACK}).json()
    ids = {**organisation.ids, "consentId": consent["id"]}
    return "[parameters]\n" + "".join(f'"path.{name}" = "{value}"\n' for name, value in ids.items())


def _run(
    stack: Stack, credential: str, folder: Path, *, mode: str, examples: int, people: bool = False
) -> None:
    """With an API key, or a person's token; each for the operations that take it."""
    seed = os.environ.get("SCHEMATHESIS_SEED") or str(secrets.randbelow(2**32))
    report = folder / "report.xml"
    origin = stack.gateway_url.removesuffix("/v1")
    scheme = "Bearer" if people else "ApiKey"
    command = ["run", str(PATH), "--url", origin, "--header", f"Authorization: {scheme} {credential}"]
    expected = {
        (method, template, operation["operationId"])
        for method, template, operation in operations()
        if takes_user(operation) == people
    }
    for _, _, operation_id in sorted(expected):
        command += ["--include-operation-id", operation_id]
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
    said = finished.stdout.replace(credential, "…") + finished.stderr
    print(f"SCHEMATHESIS_SEED={seed}")  # noqa: T201 - pytest shows it
    assert finished.returncode == 0, f"seed {seed}\n{said[-12_000:]}"
    tested = {
        case.get("name")
        for case in ElementTree.parse(report).iter("testcase")
        if case.find("skipped") is None
    }
    assert {f"{method} {template}" for method, template, _ in expected} <= tested
