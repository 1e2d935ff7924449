"""Functions are called by the gateway, the queue and the scheduler, each by its own, and by nobody else."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import pytest

from localcloud.stack import plan
from tests.e2e.operations import Operations
from tests.stack import ROOT, Stack

pytestmark = pytest.mark.stack

_MANIFEST = plan.read_manifest(ROOT / "functions/manifest.yaml")["functions"]
PRIVATE = {name: entry["trigger"] for name, entry in _MANIFEST.items() if entry["trigger"] != "public"}


def call(stack: Stack, function: str, *, path: str = "/", **headers: str) -> httpx.Response:
    url = stack.info["functions"][function]
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    method = "GET" if path.startswith("/v1") else "POST"
    return httpx.request(method, url + path, headers=named, timeout=90, trust_env=False)


def token_for(operations: Operations, function: str, *, caller: str, audience: str | None = None) -> str:
    url = operations.stack.info["functions"][function]
    return operations.identity_token(email=plan.service_account(caller), audience=audience or url)


@pytest.mark.parametrize("function", PRIVATE)
def test_a_call_without_a_good_identity_is_refused(
    stack: Stack, operations: Operations, function: str, api_key: str
) -> None:
    trigger = PRIVATE[function]
    good = token_for(operations, function, caller=trigger)
    header, claims, signature = good.split(".")
    elsewhere = token_for(operations, function, caller=trigger, audience="https://elsewhere.example")
    unsigned = f"{header}.{claims}.SIGNATURE_REMOVED_BY_GOOGLE"
    others_signature = token_for(operations, function, caller="stranger").split(".")[2]

    assert call(stack, function).status_code == 401
    assert call(stack, function, Authorization=f"ApiKey {api_key}").status_code == 401
    assert call(stack, function, X_Forwarded_Authorization=f"ApiKey {api_key}").status_code == 401
    for bad in (
        "x",
        "a.b.c",
        elsewhere,
        unsigned,
        f"{header}.{claims}.",
        f"{header}.{claims}.{others_signature}",
    ):
        refused = call(stack, function, Authorization=f"Bearer {bad}")
        assert refused.status_code == 401, (bad, refused.text)
    assert signature not in call(stack, function, Authorization=f"Bearer {elsewhere}").text


@pytest.mark.parametrize("function", PRIVATE)
def test_an_identity_that_is_not_its_callers_is_refused(
    stack: Stack, operations: Operations, function: str, api_key: str
) -> None:
    for caller in {"gateway", "tasks", "scheduler", "stranger"} - {PRIVATE[function]}:
        token = token_for(operations, function, caller=caller)
        refused = call(
            stack,
            function,
            Authorization=f"Bearer {token}",
            X_Forwarded_Authorization=f"ApiKey {api_key}",
        )
        assert refused.status_code == 403, (caller, refused.text)


@pytest.mark.parametrize("function", PRIVATE)
def test_its_own_caller_gets_through(stack: Stack, operations: Operations, function: str) -> None:
    """Or the refusals above would prove nothing: what comes now is the function's own answer."""
    token = token_for(operations, function, caller=PRIVATE[function])

    reply = call(stack, function, path="/no-such-path", Authorization=f"Bearer {token}")

    assert reply.status_code == 404
    assert reply.json()["error"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize("function", ["accounts", "consents", "transactions", "banks"])
def test_the_gateways_identity_alone_opens_no_clients_data(
    stack: Stack, operations: Operations, function: str
) -> None:
    token = token_for(operations, function, caller="gateway")
    paths = {"transactions": "/v1/accounts/acc_00000000000000000000000000/transactions"}

    reply = call(
        stack, function, path=paths.get(function, f"/v1/{function}"), Authorization=f"Bearer {token}"
    )

    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "INVALID_API_KEY")


def test_what_a_client_sends_as_the_platforms_own_header_counts_for_nothing(
    stack: Stack, operations: Operations, api_key: str
) -> None:
    def accounts(headers: Mapping[str, str]) -> int:
        url = f"{stack.gateway_url}/accounts"
        return httpx.get(url, headers=headers, timeout=90, trust_env=False).status_code

    key, bad_key = f"ApiKey {api_key}", "ApiKey tok_sandbox_nobody"
    identity = f"Bearer {token_for(operations, 'accounts', caller='gateway')}"

    assert accounts({"Authorization": key}) == 200
    assert accounts({"Authorization": key, "X-Forwarded-Authorization": bad_key}) == 200
    assert accounts({"Authorization": bad_key, "X-Forwarded-Authorization": key}) == 401
    assert accounts({"Authorization": identity}) == 401
    assert accounts({"X-Serverless-Authorization": identity}) == 401
    assert accounts({"Authorization": identity, "X-Forwarded-Authorization": key}) == 401
