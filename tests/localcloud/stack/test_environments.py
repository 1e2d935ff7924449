from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from localcloud.stack import plan
from localcloud.stack.environments import function_environment
from localcloud.stack.plan import Plan
from shared.settings import (
    load_api_settings,
    load_bank_settings,
    load_dispatch_settings,
    load_kms_key,
    load_settings,
    load_task_settings,
    load_user_settings,
)

MANIFEST = plan.read_manifest(plan.ROOT / "functions/manifest.yaml")
SECRETS: dict[str, Any] = {
    "signingKey": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "bankClients": {"erste-hr": ["tok-erste-hr", "hush"]},
}


def environment(name: str) -> dict[str, str]:
    names = ["gateway", *plan.PLATFORM, *MANIFEST["functions"]]
    stack = Plan(
        manifest_path=plan.ROOT / "functions/manifest.yaml",
        openapi_path=Path("openapi.yaml"),
        manifest=MANIFEST,
        ports={name: 20_000 + number for number, name in enumerate(names)},
    )
    return function_environment(stack, name, secrets=SECRETS)


@pytest.mark.parametrize("name", list(MANIFEST["functions"]))
def test_every_function_can_load_the_settings_that_it_names(name: str) -> None:
    given, groups = environment(name), MANIFEST["functions"][name]["settings"]

    assert load_settings(given).environment == "sandbox"
    assert load_settings(given).environments == ("sandbox",)
    assert load_settings(given).trusted_proxies == (MANIFEST["functions"][name]["trigger"] == "gateway")
    if "api" in groups:
        assert load_api_settings(given).public_url.endswith("/v1")
    if "banks" in groups:
        assert load_bank_settings(given).client_credentials == {"erste-hr": ("tok-erste-hr", "hush")}
    if "tasks" in groups:
        assert load_task_settings(given).sync_queue.endswith("/queues/sync")
    if "dispatch" in groups:
        assert load_dispatch_settings(given).dispatch_queue.endswith("/queues/dispatch")
    if "users" in groups:
        assert load_user_settings(given).jwks_url.startswith(load_user_settings(given).issuer)
    if "kms" in groups:
        assert load_kms_key(given) == plan.KMS_KEY


def test_a_function_gets_no_secret_that_it_does_not_name() -> None:
    accounts = environment("accounts")

    assert "hush" not in json.dumps(accounts)
    assert "TOK_KMS_KEY" not in accounts
    assert "TOK_SYNC_QUEUE" not in accounts
    assert "TOK_SIGNING_KEY" not in environment("sync_dispatch")


def test_what_stands_in_the_developers_environment_stays_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/home/ana/key.json")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example")

    assert not {"GOOGLE_APPLICATION_CREDENTIALS", "HTTPS_PROXY"} & set(environment("accounts"))


def test_the_bank_knows_tok_by_the_same_secrets() -> None:
    clients = json.loads(environment("sandbox_bank")["TOK_SANDBOX_BANK_CLIENTS"])

    assert clients["tok-erste-hr"]["secret"] == "hush"
    assert clients["tok-erste-hr"]["redirect_uris"] == [
        f"{environment('callback')['TOK_PUBLIC_URL']}/callback"
    ]
