"""The smoke test: connects a sandbox bank through the public API as a client would, reads, and revokes again.

    TOK_SMOKE_URL=https://sandbox.api.tokapi.io/v1 TOK_SMOKE_API_KEY=tok_sandbox_… python -m infra.smoke

Every step prints a line; the first that fails is the last, and the exit status is 1. What was connected is revoked
whatever happened. The key belongs to an organisation that exists for this alone.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx

from localcloud.stack import psu

# Never opened: the walk ends where the bank sends the person back to it. The sandbox allows loopback.
_CALLBACK_URL = "http://127.0.0.1:9/smoke"
_SYNC_TIMEOUT_SECONDS = 180
_POLL_SECONDS = 1.0
_TIMEOUT_SECONDS = 70
# Nobody's (RFC 5737): what a client claims to come from must not turn up in its audit log (docs/operations.md).
CLAIMED_ADDRESS = "192.0.2.66"


class SmokeFailed(Exception):
    """The first step that did not do what it should."""


class Client:
    def __init__(self, *, url: str, api_key: str) -> None:
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"ApiKey {api_key}", "X-Forwarded-For": CLAIMED_ADDRESS},
            timeout=_TIMEOUT_SECONDS,
        )

    def call(self, method: str, path: str, *, expect: int, **options: Any) -> dict[str, Any]:
        """The reply's JSON; {} for none. Raises SmokeFailed for any other status than `expect`."""
        try:
            reply = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise SmokeFailed(f"{method} {path}: {type(error).__name__}: {error}") from error
        if reply.status_code != expect:
            request_id = reply.headers.get("X-Request-Id", "none")
            raise SmokeFailed(
                f"{method} {path} answered {reply.status_code}, not {expect} (request {request_id}): {reply.text[:300]}"
            )
        content: dict[str, Any] = reply.json() if reply.content else {}
        return content


class Steps:
    """Prints each step with the time since the one before."""

    def __init__(self) -> None:
        self._at = time.monotonic()

    def done(self, text: str) -> None:
        now = time.monotonic()
        print(f"{now - self._at:6.1f} s  {text}", flush=True)
        self._at = now


def smoke(*, url: str, api_key: str, bank_id: str) -> None:
    """Raises SmokeFailed."""
    steps, client = Steps(), Client(url=url, api_key=api_key)
    Client(url=url, api_key="tok_sandbox_nobody").call("GET", "/accounts", expect=401)
    steps.done("a call without a good key is refused")
    banks = {bank["id"] for bank in client.call("GET", "/banks", expect=200)["data"]}
    if bank_id not in banks:
        raise SmokeFailed(f"{bank_id} is not among the banks: {sorted(banks)}")
    steps.done(f"{len(banks)} banks are listed")
    state = secrets.token_urlsafe(16)
    consent = client.call(
        "POST",
        "/consents",
        expect=201,
        json={"bankId": bank_id, "callbackUrl": _CALLBACK_URL, "state": state},
        headers={"Idempotency-Key": str(uuid4())},
    )
    steps.done(f"{consent['id']} is {consent['status']}")
    try:
        _authorise(consent["redirectUrl"], state=state)
        steps.done("the person approved at the bank's pages, and came back")
        accounts = _wait_for_accounts(client, consent["id"])
        steps.done(f"{len(accounts)} accounts are synced")
        count = _read(client, accounts)
        steps.done(f"{count} transactions were read")
    finally:
        client.call("DELETE", f"/consents/{consent['id']}", expect=204)
    status = client.call("GET", f"/consents/{consent['id']}", expect=200)["status"]
    if status != "revoked":
        raise SmokeFailed(f"the revoked consent is {status}")
    steps.done("the consent is revoked")


def _authorise(redirect_url: str, *, state: str) -> None:
    with httpx.Client(timeout=_TIMEOUT_SECONDS) as browser:
        try:
            back = psu.walk(browser, redirect_url, until=_CALLBACK_URL)
        except (psu.PsuStuck, httpx.HTTPError) as error:
            raise SmokeFailed(f"the bank's pages: {error}") from error
    told = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
    if told.get("status") != "active" or told.get("state") != state:
        raise SmokeFailed(f"the callback said {told}")


def _wait_for_accounts(client: Client, consent_id: str) -> list[dict[str, Any]]:
    """The consent's accounts after its first sync."""
    deadline = time.monotonic() + _SYNC_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        consent = client.call("GET", f"/consents/{consent_id}", expect=200)
        if consent["status"] != "active":
            raise SmokeFailed(f"the consent is {consent['status']}: {consent['error']}")
        if consent["lastSyncedAt"]:
            listed = client.call("GET", "/accounts", expect=200, params={"limit": 100})["data"]
            accounts = [account for account in listed if account["consentId"] == consent_id]
            if not accounts:
                raise SmokeFailed("the synced consent has no accounts")
            return accounts
        time.sleep(_POLL_SECONDS)
    raise SmokeFailed(f"no sync within {_SYNC_TIMEOUT_SECONDS} s")


def _read(client: Client, accounts: list[dict[str, Any]]) -> int:
    """How many transactions the first two pages of each account have. Raises SmokeFailed for none at all."""
    count = 0
    for account in accounts:
        path, query = f"/accounts/{account['id']}/transactions", {"limit": "50"}
        page = client.call("GET", path, expect=200, params=query)
        count += len(page["data"])
        if page["nextCursor"]:
            following = client.call("GET", path, expect=200, params={**query, "cursor": page["nextCursor"]})
            if {row["id"] for row in page["data"]} & {row["id"] for row in following["data"]}:
                raise SmokeFailed("the second page repeats transactions of the first")
            count += len(following["data"])
    if count == 0:
        raise SmokeFailed("no account has a transaction")
    return count


def main(arguments: list[str] | None = None) -> int:
    options = argparse.ArgumentParser(prog="python -m infra.smoke", description=__doc__.split("\n")[0])
    options.add_argument("--bank", default="erste-hr", help="one of the sandbox's banks")
    chosen = options.parse_args(arguments)
    try:
        url, api_key = os.environ["TOK_SMOKE_URL"], os.environ["TOK_SMOKE_API_KEY"]
    except KeyError as missing:
        options.error(f"the environment variable {missing.args[0]} is not set")
    try:
        smoke(url=url, api_key=api_key, bank_id=chosen.bank)
    except SmokeFailed as failure:
        print(f"FAILED  {failure}", file=sys.stderr)
        return 1
    print("The smoke test passed.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
