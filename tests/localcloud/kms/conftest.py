from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.api_core.exceptions import ServiceUnavailable
from google.cloud import kms
from google.cloud.kms_v1.services.key_management_service.transports import (
    KeyManagementServiceGrpcTransport,
)
from test_utils.retry import RetryErrors
from test_utils.system import unique_resource_id

from tests.localcloud.server_process import ServerProcess


def kms_client(address: str) -> kms.KeyManagementServiceClient:
    transport = KeyManagementServiceGrpcTransport(channel=grpc.insecure_channel(address))
    return kms.KeyManagementServiceClient(transport=transport)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kms")


@pytest.fixture(scope="module")
def client(data: Path) -> Iterator[kms.KeyManagementServiceClient]:
    server = ServerProcess("localcloud.kms", data)
    yield kms_client(server.address)
    assert server.terminate() == 0


@pytest.fixture(scope="module")
def ring(client: kms.KeyManagementServiceClient) -> str:
    create = RetryErrors(ServiceUnavailable, max_tries=3)(client.create_key_ring)
    parent = f"projects/tok{unique_resource_id('-')}/locations/europe-west1"
    name: str = create(parent=parent, key_ring_id="tokens", key_ring={}).name
    return name


@pytest.fixture
def key(client: kms.KeyManagementServiceClient, ring: str) -> kms.CryptoKey:
    return client.create_crypto_key(
        parent=ring,
        crypto_key_id=f"key{unique_resource_id('-')}",
        crypto_key={"purpose": "ENCRYPT_DECRYPT"},
    )


@pytest.fixture
def hsm_key(client: kms.KeyManagementServiceClient, ring: str) -> kms.CryptoKey:
    return client.create_crypto_key(
        parent=ring,
        crypto_key_id=f"hsm{unique_resource_id('-')}",
        crypto_key={"purpose": "ENCRYPT_DECRYPT", "version_template": {"protection_level": "HSM"}},
    )
