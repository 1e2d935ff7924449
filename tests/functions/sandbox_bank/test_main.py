"""The function as the platform runs it: functions-framework, real HTTP, Firestore over gRPC."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.functions.sandbox_bank.tpp import CONSENT_BODY, REDIRECT_URI

ROOT = Path(__file__).parents[3]
START_SECONDS_MAX = 90
SECRET = ("tok", "tok-secret")


@pytest.fixture(scope="module")
def bank_url(firestore_address: str) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "FIRESTORE_EMULATOR_HOST": firestore_address,
        "PYTHONPATH": str(ROOT),
        "TOK_PROJECT": "bank-main",
        "TOK_SANDBOX_BANK_URL": url,
        "TOK_SANDBOX_BANK_CLIENTS": json.dumps(
            {"tok": {"secret": SECRET[1], "redirect_uris": [REDIRECT_URI]}}
        ),
    }
    command = [sys.executable, "-m", "functions_framework", "--target", "main", "--host", "127.0.0.1"]
    command += ["--source", str(ROOT / "functions/sandbox_bank/main.py"), "--port", str(port)]
    with subprocess.Popen(command, env=environment) as server:
        try:
            _wait_for(url, server)
            yield url
        finally:
            server.terminate()


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        assert server.poll() is None, "the function ended"
        try:
            httpx.get(url, timeout=30)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the function did not start")


def _headers() -> dict[str, str]:
    return {
        "X-Request-ID": str(uuid4()),
        "PSU-IP-Address": "192.0.2.7",
        "TPP-Redirect-URI": REDIRECT_URI,
        "Content-Type": "application/json",
    }


def test_a_consent_is_made_and_kept(bank_url: str) -> None:
    with httpx.Client(base_url=f"{bank_url}/erste-hr/v1", auth=SECRET, timeout=60) as tpp:
        created = tpp.post("/consents", json=CONSENT_BODY, headers=_headers())
        assert created.status_code == 201
        status = tpp.get(f"/consents/{created.json()['consentId']}/status", headers=_headers())
        assert status.json() == {"consentStatus": "received"}


@pytest.mark.parametrize("chunked", [False, True])
def test_a_huge_body_is_refused_and_the_bank_goes_on(bank_url: str, chunked: bool) -> None:
    parts = [b" " * 100_000] * 50
    url = f"{bank_url}/erste-hr/v1/consents"
    content = iter(parts) if chunked else b"".join(parts)
    refused = httpx.post(url, content=content, headers=_headers(), auth=SECRET, timeout=60)
    assert refused.status_code == 400
    assert refused.json()["tppMessages"][0]["code"] == "FORMAT_ERROR"
    assert httpx.post(url, json=CONSENT_BODY, headers=_headers(), auth=SECRET, timeout=60).status_code == 201


def test_an_encoded_slash_and_an_undecodable_path_are_answered_in_json(bank_url: str) -> None:
    for path in ("a%2Fb", "%ff%fe", "%00"):
        reply = httpx.get(
            f"{bank_url}/erste-hr/v1/consents/{path}", headers=_headers(), auth=SECRET, timeout=60
        )
        assert reply.status_code in (403, 404)
        assert "tppMessages" in reply.json()


def test_the_health_path_needs_no_client(bank_url: str) -> None:
    reply = httpx.get(f"{bank_url}/health")

    assert (reply.status_code, reply.json()) == (200, {"status": "ok"})
