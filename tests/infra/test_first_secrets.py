from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra.first_secrets import PUBLIC_URLS, first_values, main
from shared.settings import load_api_settings, load_bank_settings
from xs2a_bank.settings import load_bank_settings as load_sandbox_bank_settings

# A stand-in for gcloud, which needs a project: versions are files, and every call's arguments are kept.
GCLOUD = """#!/usr/bin/env python3
import json, pathlib, sys
folder = pathlib.Path(__file__).parent
with (folder / "calls").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
secret = folder / sys.argv[4]
if sys.argv[3] == "list":
    print(json.dumps([{"name": "1"}] if secret.exists() else []))
else:
    assert "--data-file=-" in sys.argv
    secret.write_text(sys.stdin.read())
"""


@pytest.fixture
def gcloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "gcloud").write_text(GCLOUD)
    (tmp_path / "gcloud").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return tmp_path


def test_functions_can_read_their_first_settings() -> None:
    values = first_values("sandbox", public_url="https://sandbox.api.example.com/v1")

    api = load_api_settings({"TOK_PUBLIC_URL": "https://x/v1", "TOK_SIGNING_KEY": values["signing-key"]})
    banks = load_bank_settings({"TOK_BANK_CLIENTS": values["bank-clients"]})
    bank = load_sandbox_bank_settings(
        {
            "TOK_SANDBOX_BANK_CLIENTS": values["sandbox-bank-clients"],
            "TOK_SANDBOX_BANK_URL": "https://bank",
            "TOK_PROJECT": "p",
        }
    )
    assert len(api.signing_key) == 32
    assert {(client.id, client.secret) for client in bank.clients.values()} == set(
        banks.client_credentials.values()
    )
    assert {uri for client in bank.clients.values() for uri in client.redirect_uris} == {
        "https://sandbox.api.example.com/v1/callback"
    }


def test_the_live_environment_starts_without_a_bank() -> None:
    values = first_values("live", public_url=PUBLIC_URLS["live"])

    assert load_bank_settings({"TOK_BANK_CLIENTS": values["bank-clients"]}).client_credentials == {}
    assert set(values) == {"signing-key", "bank-clients"}


def test_two_runs_make_different_secrets() -> None:
    first, second = (first_values("sandbox", public_url="https://x/v1") for _ in range(2))

    assert all(first[name] != second[name] for name in first)


def test_values_go_to_standard_input_only(gcloud: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--project=tok-test", "--environment=sandbox"]) == 0

    kept = {
        name: (gcloud / name).read_text()
        for name in ("sandbox-signing-key", "sandbox-bank-clients", "sandbox-sandbox-bank-clients")
    }
    calls, printed = (gcloud / "calls").read_text(), capsys.readouterr().out
    key = kept["sandbox-signing-key"]
    credentials = json.loads(kept["sandbox-bank-clients"]).values()
    assert credentials
    for value in (key, *(secret for _, secret in credentials)):
        assert value not in calls
        assert value not in printed
    assert "--project=tok-test" in calls
    assert "sandbox-signing-key" in printed


def test_what_has_a_version_is_left_alone(gcloud: Path) -> None:
    assert main(["--project=tok-test", "--environment=live"]) == 0
    before = (gcloud / "live-signing-key").read_text()
    assert main(["--project=tok-test", "--environment=live"]) == 0

    assert (gcloud / "live-signing-key").read_text() == before


def test_credentials_that_belong_together_are_not_made_apart(gcloud: Path) -> None:
    (gcloud / "sandbox-bank-clients").write_text("{}")

    with pytest.raises(SystemExit, match="sandbox-sandbox-bank-clients"):
        main(["--project=tok-test", "--environment=sandbox"])

    assert not (gcloud / "sandbox-sandbox-bank-clients").exists()


def test_without_gcloud_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert main(["--project=tok-test", "--environment=live"]) == 1
    assert "gcloud" in capsys.readouterr().err
