"""Every test here has an organisation of its own; the stack is the run's one, unless a test breaks it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.openapi import ContractClient
from tests.e2e.operations import Operations
from tests.stack import Stack


@pytest.fixture(scope="session")
def operations(stack: Stack) -> Operations:
    return Operations(stack)


@pytest.fixture
def api_key(stack: Stack) -> str:
    return stack.new_organisation()


@pytest.fixture
def client(stack: Stack, api_key: str) -> Iterator[ContractClient]:
    with ContractClient(stack.gateway_url, api_key=api_key) as client:
        yield client
