"""Organisations for these tests: each worker makes its own, so that tests run in any order and side by side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.contract.openapi import ContractClient
from tests.stack import Stack

BANK = "erste-hr"
CALLBACK = "https://app.bilko.io/banking/callback"


@dataclass(frozen=True, kw_only=True)
class Connected:
    """An organisation with a bank connected and read to the end."""

    api_key: str
    client: ContractClient
    consent_id: str
    account_id: str
    transaction_id: str

    @property
    def ids(self) -> dict[str, str]:
        """By the names of the document's path parameters."""
        return {
            "consentId": self.consent_id,
            "accountId": self.account_id,
            "transactionId": self.transaction_id,
        }


@pytest.fixture
def client(stack: Stack) -> Iterator[ContractClient]:
    """Of an organisation that nobody else uses."""
    with ContractClient(stack.gateway_url, api_key=stack.new_organisation()) as client:
        yield client


@pytest.fixture(scope="session")
def visitor(stack: Stack) -> Iterator[ContractClient]:
    """Of an organisation for requests that leave nothing behind."""
    with ContractClient(stack.gateway_url, api_key=stack.new_organisation()) as client:
        yield client


@pytest.fixture(scope="session")
def anonymous(stack: Stack) -> Iterator[ContractClient]:
    with ContractClient(stack.gateway_url) as client:
        yield client


@pytest.fixture(scope="session")
def connected(stack: Stack) -> Iterator[Connected]:
    """To be read only."""
    with connected_organisation(stack) as organisation:
        yield organisation


@pytest.fixture(scope="session")
def other_connected(stack: Stack) -> Iterator[Connected]:
    """Another organisation whose customer is the same person at the same bank. To be read only."""
    with connected_organisation(stack) as organisation:
        yield organisation


@contextmanager
def connected_organisation(stack: Stack) -> Iterator[Connected]:
    api_key = stack.new_organisation()
    with ContractClient(stack.gateway_url, api_key=api_key) as client:
        consent_id = stack.connect(api_key, bank_id=BANK).consent_id
        stack.wait_synced(api_key, consent_id)
        yield _with_two_transactions(api_key, client, consent_id)


def _with_two_transactions(api_key: str, client: ContractClient, consent_id: str) -> Connected:
    for account in client.get("/accounts").json()["data"]:
        page = client.get(f"/accounts/{account['id']}/transactions", params={"limit": 1}).json()
        if page["nextCursor"]:
            return Connected(
                api_key=api_key,
                client=client,
                consent_id=consent_id,
                account_id=account["id"],
                transaction_id=page["data"][0]["id"],
            )
    raise AssertionError("no account of the plain person has two transactions")
