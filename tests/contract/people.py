"""People who sign in, each with a client of their own, and the organisations that they make."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from shared.domain.organisations import Tier
from shared.domain.roles import Role
from tests.contract.openapi import ContractClient
from tests.stack import Stack


@dataclass(frozen=True, kw_only=True)
class Person:
    email: str
    token: str
    client: ContractClient
    stack: Stack

    def sign_up(self, name: str = "Bilko d.o.o.", *, tier: Tier = "enterprise") -> dict[str, Any]:
        """What the API answered. Who signs up is in the free tier, where a test would wait for most of its time."""
        reply = self.client.post("/organisations", json={"name": name})
        assert reply.status_code == 201, reply.text
        made: dict[str, Any] = reply.json()
        assert made["tier"] == "free"
        if tier != "free":
            self.stack.put_in_tier(made["id"], tier)
        return made

    def invite(self, email: str, role: Role) -> dict[str, Any]:
        reply = self.client.post("/organisation/invitations", json={"email": email, "role": role})
        assert reply.status_code == 201, reply.text
        invitation: dict[str, Any] = reply.json()
        return invitation

    def accept(self, token: str) -> httpx.Response:
        return self.client.post("/invitations/accept", json={"token": token})

    def user_id(self) -> str:
        return next(
            user["id"]
            for user in self.client.get("/organisation/users").json()["data"]
            if user["email"] == self.email
        )

    def add(self, person: Person, role: Role) -> str:
        """`person` joins in this role; their id."""
        assert person.accept(self.invite(person.email, role)["token"]).status_code == 200
        return person.user_id()

    def audit(self, **params: Any) -> list[dict[str, Any]]:
        reply = self.client.get("/organisation/audit", params=params)
        assert reply.status_code == 200, reply.text
        entries: list[dict[str, Any]] = reply.json()["data"]
        return entries


@contextmanager
def person(stack: Stack, name: str = "ana") -> Iterator[Person]:
    """Somebody whom nobody has met before."""
    email = f"{name}-{secrets.token_hex(6)}@bilko.example"
    token = stack.sign_in(email)
    with ContractClient(stack.gateway_url, user_token=token) as client:
        yield Person(email=email, token=token, client=client, stack=stack)


@pytest.fixture
def meet(stack: Stack) -> Iterator[Callable[[], Person]]:
    with ExitStack() as ending:
        yield lambda: ending.enter_context(person(stack))


@pytest.fixture
def owner(meet: Callable[[], Person]) -> Person:
    made = meet()
    made.sign_up()
    return made
