"""Connects a demo bank through the API as a client would, and shows what came of it.

`python -m localcloud.stack.demo FOLDER`, beside a running stack; exit status 1 when it did not work.
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from localcloud.stack import console, psu
from localcloud.stack.folder import StackFolder

_BANK = "erste-hr"
_SYNC_TIMEOUT_SECONDS = 120
_POLL_SECONDS = 0.3
_SHOWN_TRANSACTIONS = 12


class DemoFailed(Exception):
    """Why, and which part's log tells more."""

    def __init__(self, reason: str, *, part: str) -> None:
        super().__init__(reason)
        self.part = part


class Api:
    def __init__(self, *, gateway_url: str, api_key: str) -> None:
        self._client = httpx.Client(
            base_url=gateway_url,
            headers={"Authorization": f"ApiKey {api_key}"},
            timeout=70,
            trust_env=False,
        )

    def call(self, method: str, path: str, *, part: str, **options: Any) -> dict[str, Any]:
        try:
            reply = self._client.request(method, path, **options)
        except httpx.HTTPError as error:
            raise DemoFailed(f"{method} {path}: {type(error).__name__}", part="gateway") from error
        if not reply.is_success:
            raise DemoFailed(f"{method} {path} answered {reply.status_code}: {reply.text[:500]}", part=part)
        content: dict[str, Any] = reply.json()
        return content


def connect(api: Api) -> str:
    """The consent's id: of the one that is active, or of a new one."""
    for consent in api.call("GET", "/consents", part="consents")["data"]:
        if consent["status"] == "active":
            print(f"{consent['bankName']} is connected already, with consent {consent['id']}.")
            return str(consent["id"])
    with _CallbackListener() as listener:
        state = secrets.token_urlsafe(16)
        consent = api.call(
            "POST",
            "/consents",
            part="consents",
            json={"bankId": _BANK, "callbackUrl": listener.url, "state": state},
        )
        print(f"A client asks to connect {consent['bankName']}: {consent['id']} is {consent['status']}.")
        with httpx.Client(timeout=70, trust_env=False) as browser:
            try:
                back = psu.walk(browser, consent["redirectUrl"], until=listener.url)
                browser.get(back)
            except (psu.PsuStuck, httpx.HTTPError) as error:
                raise DemoFailed(f"the bank's pages: {error}", part="sandbox_bank") from error
        received = listener.received
    print("Ana signs in at her bank's own pages, types the one-time code and approves.")
    if received.get("status") != "active" or received.get("state") != state:
        raise DemoFailed(f"the callback said {received}", part="callback")
    print("The client's callback page is told that the consent is active; the first sync runs.")
    return str(consent["id"])


def wait_for_sync(api: Api, consent_id: str) -> list[dict[str, Any]]:
    """The consent's accounts, once their transactions are there."""
    deadline = time.monotonic() + _SYNC_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        consent = api.call("GET", f"/consents/{consent_id}", part="consents")
        if consent["status"] != "active":
            raise DemoFailed(f"the consent is {consent['status']}: {consent['error']}", part="sync_consent")
        if consent["lastSyncedAt"]:
            accounts: list[dict[str, Any]] = api.call("GET", "/accounts", part="accounts")["data"]
            return [account for account in accounts if account["consentId"] == consent_id]
        time.sleep(_POLL_SECONDS)
    raise DemoFailed(f"no sync within {_SYNC_TIMEOUT_SECONDS} s", part="sync_consent")


def show(api: Api, accounts: list[dict[str, Any]]) -> None:
    rows = [["Account", "IBAN", "Owner", "Balance", ""]]
    newest: list[dict[str, Any]] = []
    for account in accounts:
        balance = account["balance"] or {"amount": "–", "currency": account["currency"]}
        rows.append(
            [
                account["name"] or "–",
                account["iban"] or "–",
                account["ownerName"] or "–",
                balance["amount"],
                balance["currency"],
            ]
        )
        page = api.call(
            "GET",
            f"/accounts/{account['id']}/transactions",
            part="transactions",
            params={"limit": _SHOWN_TRANSACTIONS},
        )
        newest += page["data"]
    print("\n" + console.table(rows, right=frozenset({3})))
    newest.sort(key=lambda transaction: str(transaction["bookingDate"]), reverse=True)
    rows = [["Booked", "Amount", "", "Counterparty", "Remittance"]]
    for transaction in newest[:_SHOWN_TRANSACTIONS]:
        inbound = transaction["direction"] == "inbound"
        rows.append(
            [
                transaction["bookingDate"] or "pending",
                ("+" if inbound else "−") + transaction["amount"],
                transaction["currency"],
                console.shorten(transaction["debtorName" if inbound else "creditorName"] or "–", length=32),
                console.shorten(transaction["remittanceInfo"] or "–", length=44),
            ]
        )
    print("\n" + console.table(rows, right=frozenset({1})))


def show_commands(stack: dict[str, Any], *, consent_id: str, account_id: str) -> None:
    url = stack["gatewayUrl"]
    authorization = f"-H 'Authorization: ApiKey {stack['sandboxApiKey']}'"
    body = json.dumps({"bankId": "nlb-si", "callbackUrl": "https://app.example.com/banking/callback"})
    print(
        f"""
The same by hand (then open redirectUrl in a browser: ana, sandbox, 123456):

curl -s {authorization} '{url}/banks?country=HR'
curl -s {authorization} -H 'Content-Type: application/json' -d '{body}' {url}/consents
curl -s {authorization} {url}/consents/{consent_id}
curl -s {authorization} {url}/accounts
curl -s {authorization} '{url}/accounts/{account_id}/transactions?limit=5'
curl -s -X DELETE {authorization} {url}/consents/{consent_id}"""
    )


class _CallbackListener:
    """The client's own callback page, on a free port of loopback."""

    def __init__(self) -> None:
        received: dict[str, str] = {}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                received.update({name: values[0] for name, values in query.items()})
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")
                self.end_headers()
                self.wfile.write(b"Connected. You may close this window.\n")

            def log_message(self, *_arguments: object) -> None:
                """Says nothing: the address holds the consent's id."""

        self.received = received
        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/connected"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> _CallbackListener:
        self._thread.start()
        return self

    def __exit__(self, *_arguments: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def main() -> None:
    folder = StackFolder(Path(sys.argv[1]))
    stack = folder.read("stack.json")
    api = Api(gateway_url=stack["gatewayUrl"], api_key=stack["sandboxApiKey"])
    try:
        consent_id = connect(api)
        accounts = wait_for_sync(api, consent_id)
        if not accounts:
            raise DemoFailed("the consent has no accounts", part="sync_consent")
        show(api, accounts)
    except DemoFailed as failure:
        log = folder.log(failure.part)
        sys.exit(f"The demo failed: {failure}\nThe end of {log}:\n\n{console.tail(log)}")
    show_commands(stack, consent_id=consent_id, account_id=accounts[0]["id"])


if __name__ == "__main__":
    main()
