"""Processes are killed while banks are connected and read. In the end every row is there, once, with the id it had.

A run prints its seed; TOK_FAULT_SEED=… replays its moments and their order.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest

from localcloud.stack import psu
from tests.contract.openapi import ContractClient
from tests.e2e import reading
from tests.e2e.operations import Operations
from tests.stack import CALLBACK_URL, Stack, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.stack, pytest.mark.timeout(420)]

SEED = int(os.environ.get("TOK_FAULT_SEED") or random.randrange(10**6))
BANKS = {"erste-hr": "ana", "nlb-si": "twins", "intesa-rs": "ana", "raiffeisen-ba": "ana"}
"""Who is connected where."""
AT_THE_CALLBACK = ("callback", "kms", "firestore")
AT_A_SYNC = ("sandbox_bank", "sync_consent", "firestore", "tasks", "kms")


@dataclass(frozen=True)
class Scene:
    stack: Stack
    operations: Operations
    api_key: str
    client: ContractClient
    moments: random.Random

    @property
    def organisation_id(self) -> str:
        return self.operations.organisation_id(self.api_key)

    def get(self, path: str) -> Any:
        """Once the platform answers: a part that was killed may be a moment away still."""
        with self.stack.client(self.api_key) as client:

            def answered() -> httpx.Response | None:
                reply = client.get(path)
                return reply if reply.is_success else None

            return wait_for(answered, what=f"an answer to {path}").json()

    def kill(self, name: str, *, within_seconds: float) -> None:
        """At a moment of the seed's choice; back when the supervisor has it running again."""
        delay_seconds = self.moments.uniform(0, within_seconds)
        tell(f"{name} is killed after {delay_seconds:.3f} s")
        time.sleep(delay_seconds)
        self.stack.kill(name)


@pytest.fixture
def scene(private_stack: Callable[..., Stack]) -> Iterator[Scene]:
    tell(f"TOK_FAULT_SEED={SEED}")
    stack = private_stack(environment={"TOK_BANK_TIMEOUT_SECONDS": "10"})
    api_key = stack.new_organisation()
    with ContractClient(stack.gateway_url, api_key=api_key) as client:
        yield Scene(stack, Operations(stack), api_key, client, random.Random(SEED))


def test_kills_lose_nothing_and_double_nothing(scene: Scene) -> None:
    require_that_a_bank_out_of_reach_is_told(scene)
    consents = connect_under_kills(scene)
    ids = require_books(scene, consents)

    for name in scene.moments.sample(AT_A_SYNC, len(AT_A_SYNC)):
        sync_under_a_kill(scene, consents, name)
    assert require_books(scene, consents) == ids


def require_that_a_bank_out_of_reach_is_told(scene: Scene) -> None:
    def ask() -> httpx.Response:
        body = {"bankId": "erste-hr", "callbackUrl": CALLBACK_URL}
        return scene.client.post("/consents", json=body, headers={"Idempotency-Key": "the-same"})

    with scene.stack.frozen("sandbox_bank"):
        hanging = ask()
    with scene.stack.down("sandbox_bank"):
        down = ask()
    assert (hanging.status_code, hanging.json()["error"]["code"]) == (504, "BANK_TIMEOUT")
    assert (down.status_code, down.json()["error"]["code"]) == (502, "BANK_API_ERROR")
    assert scene.client.get("/consents").json()["data"] == []
    wait_for(lambda: ask().is_success, what="the bank's return")
    assert len(scene.client.get("/consents").json()["data"]) == 1


def connect_under_kills(scene: Scene) -> dict[str, str]:
    """Bank → consent. Its callback and its first sync each meet a kill."""
    consents: dict[str, str] = {}
    began = datetime.now(UTC)
    victims = iter(scene.moments.sample(AT_A_SYNC, len(AT_A_SYNC)))
    for bank_id, at_callback in zip(BANKS, (*scene.moments.sample(AT_THE_CALLBACK, 3), None), strict=True):
        consents[bank_id] = connect(scene, bank_id, killing=at_callback)
        scene.kill(next(victims), within_seconds=1.5)
    scene.kill(next(victims), within_seconds=0.5)
    for consent_id in consents.values():
        scene.operations.wait_synced_since(scene.organisation_id, consent_id, since=began)
    return consents


def connect(scene: Scene, bank_id: str, *, killing: str | None) -> str:
    """A PSU whose browser shows an error tries the same address again, and starts anew when that leads nowhere."""
    while True:
        consent_id, redirect_url = start(scene, bank_id)
        try:
            back = scene.stack.authorise(
                redirect_url,
                person=psu.Person(username=BANKS[bank_id]),
                until=f"{scene.stack.gateway_url}/callback",
            )
        except (psu.PsuStuck, httpx.HTTPError):
            continue
        with ThreadPoolExecutor(1) as beside:
            killed = beside.submit(scene.kill, killing, within_seconds=0.3) if killing else None
            reply = wait_for(partial(follow, back), what="an answer to the callback")
        if killed:
            killed.result()
        killing = None
        status = parse_qs(urlsplit(reply.headers.get("location", "")).query).get("status")
        consent = scene.get(f"/consents/{consent_id}")
        tell(f"{bank_id}: the callback answered {reply.status_code}, {consent['status']}")
        if consent["status"] == "active":
            return consent_id
        assert status != ["active"], "the client was told what is not so"
        assert consent["status"] in ("pending", "error")


def start(scene: Scene, bank_id: str) -> tuple[str, str]:
    """(consent's id, where the PSU must go). A client tries again with the same key."""
    body, headers = {"bankId": bank_id, "callbackUrl": CALLBACK_URL}, {"Idempotency-Key": uuid4().hex}
    with scene.stack.client(scene.api_key) as client:

        def started() -> httpx.Response | None:
            reply = client.post("/consents", json=body, headers=headers)
            return reply if reply.status_code == 201 else None

        consent = wait_for(started, what="a consent").json()
    return consent["id"], consent["redirectUrl"]


def follow(callback: str) -> httpx.Response | None:
    """None while the platform does not answer."""
    try:
        reply = httpx.get(callback, timeout=60, trust_env=False)
    except httpx.HTTPError:
        return None
    return reply if reply.status_code in (302, 400, 409) else None


def sync_under_a_kill(scene: Scene, consents: dict[str, str], name: str) -> None:
    """A later sync that has every page to write anew."""
    since = datetime.now(UTC)
    for consent_id in consents.values():
        for account_id in scene.operations.consent(scene.organisation_id, consent_id)["accountIds"]:
            scene.operations.forget_pages(scene.organisation_id, account_id)
        assert scene.operations.make_due(scene.organisation_id, consent_id, at=since, fullHistoryRead=False)
    scene.operations.tick()
    scene.kill(name, within_seconds=2.0)
    for consent_id in consents.values():
        scene.operations.wait_synced_since(scene.organisation_id, consent_id, since=since)


def require_books(scene: Scene, consents: dict[str, str]) -> dict[str, dict[str, list[str]]]:
    for account in scene.get("/accounts")["data"]:
        scene.get(f"/accounts/{account['id']}/transactions?limit=1")
    return {
        bank_id: reading.require_all_books(
            scene.client, consent_id, bank_id=bank_id, username=BANKS[bank_id], limit=500
        )
        for bank_id, consent_id in consents.items()
    }


def tell(what: str) -> None:
    """Shown with a failure."""
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()
