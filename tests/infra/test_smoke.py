"""The smoke test itself, against the running platform: it passes there, and fails where something is broken."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from infra.smoke import CLAIMED_ADDRESS, SmokeFailed, main, smoke
from tests.contract.people import person
from tests.stack import ROOT, Stack


def run(stack: Stack, *arguments: str, api_key: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "infra.smoke", *arguments],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "NO_PROXY": "127.0.0.1",
            "TOK_SMOKE_URL": stack.gateway_url,
            "TOK_SMOKE_API_KEY": api_key,
        },
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )


@pytest.mark.stack
def test_it_connects_a_sandbox_bank_reads_and_revokes(stack: Stack) -> None:
    api_key = stack.new_organisation()

    done = run(stack, api_key=api_key)

    assert done.returncode == 0, done.stderr
    assert "the consent is revoked" in done.stdout
    assert "The smoke test passed." in done.stdout
    assert api_key not in done.stdout + done.stderr
    with stack.client(api_key) as client:
        consents = client.get("/consents").json()["data"]
    assert [consent["status"] for consent in consents] == ["revoked"]


@pytest.mark.stack
def test_the_operator_sees_where_it_came_from_and_not_what_it_claimed(stack: Stack) -> None:
    """As docs/operations.md has the number of proxies confirmed."""

    def admin(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "infra.admin", "--operator", "mira", *arguments],
            cwd=ROOT,
            env={**os.environ, "LOCALCLOUD_DIR": str(stack.folder)},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        ).stdout

    with person(stack, "mira") as owner:
        made = owner.sign_up()
        admin("set-tier", made["id"], "pro")
        (api_key,) = (key["key"] for key in made["keys"] if key["environment"] == "sandbox")
        assert run(stack, api_key=api_key).returncode == 0
        owner.audit()  # brings the consents' entries at once; else they come within a minute
    lines = admin("audit", made["id"]).splitlines()
    created = next(line.split() for line in lines if "consent.created" in line)
    assert created[1] == "127.0.0.1"
    assert CLAIMED_ADDRESS not in "".join(lines)


@pytest.mark.stack
def test_a_wrong_key_fails_it(stack: Stack) -> None:
    done = run(stack, api_key="tok_sandbox_" + "x" * 38)

    assert done.returncode == 1
    assert "/banks answered 401" in done.stderr


@pytest.mark.stack
def test_a_bank_that_is_not_there_fails_it(stack: Stack) -> None:
    with pytest.raises(SmokeFailed, match="no-such-bank is not among the banks"):
        smoke(url=stack.gateway_url, api_key=stack.new_organisation(), bank_id="no-such-bank")


def test_an_address_where_nothing_answers_fails_it() -> None:
    with pytest.raises(SmokeFailed, match="ConnectError"):
        smoke(url="http://127.0.0.1:9/v1", api_key="tok_sandbox_x", bank_id="erste-hr")


def test_missing_settings_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TOK_SMOKE_URL", raising=False)
    with pytest.raises(SystemExit):
        main([])
    assert "TOK_SMOKE_URL" in capsys.readouterr().err
